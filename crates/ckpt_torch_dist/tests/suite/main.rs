mod hostile;
mod recorded;
mod round_trips;
mod torch_bytes;
mod torch_reads;
