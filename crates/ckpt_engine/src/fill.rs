//! Payload bytes of an item, any range of them, gathered from its copies.

use crate::Error;
use crate::backend::{CpuLane, Lane};
use crate::boxes::Boxes;
use crate::buffer::Buffer;
use crate::check::Checked;
use crate::low_rank::Workspace;
use crate::pack::Packed;
use crate::plan::{Copy, CopyOp, Fill, Form, Matrix, TensorItem};
use crate::read::{Loaded, Reader};
use crate::scales::Scales;
use crate::share::{Run, Runs};
use ckpt_safetensors::Source;
use ckpt_tensor::{BoxCopy, Dim, Dtype, Window};

/// Runs at least this long are read straight into place when no element changes.
const IN_PLACE: u64 = 16 << 10;

/// An item, or a matrix, with its copies as boxes over its elements.
pub struct Pieces<'a> {
    tensors: &'a [usize],
    to: Dtype,
    form: &'a Form,
    boxes: &'a Boxes,
}

impl<'a> Pieces<'a> {
    pub fn new(checked: &'a Checked, item: &'a TensorItem) -> Self {
        Pieces::of(checked, item.form, &item.tensors, checked.key_dtypes[item.key].0)
    }

    pub fn of_matrix(checked: &'a Checked, matrix: &'a Matrix) -> Self {
        Pieces::of(checked, matrix.form, &matrix.tensors, Dtype::F32)
    }

    fn of(checked: &'a Checked, form: usize, tensors: &'a [usize], to: Dtype) -> Self {
        Pieces { tensors, to, form: &checked.plan.forms[form], boxes: &checked.boxes[form] }
    }

    /// The copies, the number of their tensor in the plan, and their boxes.
    fn copies(&self) -> impl Iterator<Item = (&'a Copy, usize, &'a BoxCopy)> {
        let tensors = self.tensors;
        let copies = self.form.copies.iter().zip(&self.boxes.boxes);
        copies.map(|(copy, piece)| (copy, tensors[copy.tensor], piece))
    }

    /// Whether the elements are work for a lane that computes such copies apart: not all of them are read into place.
    pub fn are_apart(
        &self,
        checked: &Checked,
        computes: impl Fn(Option<&CopyOp>, Dtype, Dtype, &BoxCopy) -> bool,
    ) -> bool {
        let mut reads = true;
        for (copy, tensor, piece) in self.copies() {
            let from = checked.tensor_dtypes[tensor];
            if !computes(copy.op.as_ref(), from, self.to, piece) {
                return false;
            }
            reads &= copy.op.is_none() && from == self.to && is_long(piece, u64::from(from.bits()) / 8);
        }
        !reads
    }
}

/// Fills ranges of payloads.
pub struct Filler<'a> {
    pub(crate) checked: &'a Checked,
    lane: Box<dyn Lane + 'a>,
    pub reader: Reader<'a>,
    pub(crate) workspace: Workspace,
    /// Position in the target file of what is filled next.
    pub position: u64,
    /// Where unchanged bytes went, for a caller who can share them.
    pub runs: Option<Runs>,
}

impl<'a> Filler<'a> {
    /// `scratch`: bytes that sources are read through, `windows` times.
    pub fn new(
        checked: &'a Checked,
        sources: &'a [Source],
        scratch: usize,
        windows: usize,
        lane: Box<dyn Lane + 'a>,
    ) -> Self {
        let window = || Buffer::pinned(Reader::window_bytes(scratch), &*lane);
        let reader = Reader::new(sources, (0..windows).map(|_| window()).collect());
        Filler { checked, lane, reader, workspace: Workspace::default(), position: 0, runs: None }
    }

    /// A filler that computes on the processor.
    pub fn on_cpu(checked: &'a Checked, sources: &'a [Source], scratch: usize) -> Self {
        Filler::new(checked, sources, scratch, 1, Box::new(CpuLane))
    }

    /// Memory for what is filled.
    pub fn buffer(&self, length: usize) -> Buffer {
        Buffer::pinned(length, &*self.lane)
    }

    /// Bytes to fill in one call. Narrow tiles of a transposed source would each read all of its rows again.
    pub fn tile(&self, pieces: &Pieces) -> usize {
        if pieces.boxes.scattered { usize::MAX } else { self.lane.tile() }
    }

    /// Has the sources of a scattered item brought into the page cache: reading them in the item's order would go
    /// through a cold disk page by page.
    pub fn announce(&self, pieces: &Pieces) {
        if !pieces.boxes.scattered {
            return;
        }
        for (_, number, piece) in pieces.copies() {
            let tensor = &self.checked.plan.tensors[number];
            // Elements below a byte: the range comes out too long, and is cut to the tensor.
            let size = u64::from(self.checked.tensor_dtypes[number].bits()).div_ceil(8);
            let begin = (tensor.begin + piece.source * size).min(tensor.end);
            let end = (begin + piece.source_span() * size).min(tensor.end);
            self.reader.will_need(tensor.source, begin, end - begin);
        }
    }

    /// Writes the elements of an item's payload from `begin` on into `out`, as many as it holds.
    pub fn fill(&mut self, item: &TensorItem, begin: u64, out: &mut [u8]) -> Result<(), Error> {
        self.fill_pieces(&Pieces::new(self.checked, item), begin, out)
    }

    /// As `fill`, for a caller who fills an item in many steps.
    pub fn fill_pieces(&mut self, pieces: &Pieces, begin: u64, out: &mut [u8]) -> Result<(), Error> {
        let tile = self.start(pieces, begin, out)?;
        self.finish(tile, 0).map(|_| ())
    }

    /// Begins to fill a range. Tiles are finished in the order in which they were started.
    pub fn start<'t>(&mut self, pieces: &Pieces, begin: u64, out: &'t mut [u8]) -> Result<Tile<'t>, Error> {
        let to = pieces.to;
        let end = begin + out.len() as u64 * 8 / u64::from(to.bits());
        match pieces.form.fill {
            Some(Fill::Zero) => out.fill(0),
            Some(Fill::One) => {
                let one = to.one().unwrap_or_default();
                out.chunks_exact_mut(one.len().max(1)).for_each(|element| element.copy_from_slice(one));
            }
            None => {}
        }
        let apart = pieces.are_apart(self.checked, |op, from, to, piece| {
            self.lane.computes_apart(out.len(), op, from, to, piece)
        });
        if apart && pieces.form.fill.is_some() {
            // SAFETY: the tile that is returned keeps the bytes from everybody else.
            unsafe { self.lane.begin(out) }?;
        }
        let mut inside = Vec::new();
        for (copy, tensor, piece) in pieces.copies() {
            piece.intersect(begin, end, &mut |part| inside.push(part));
            let from = self.checked.tensor_dtypes[tensor];
            let op = copy.op.as_ref();
            let work = Task { tensor, tensors: pieces.tensors, op, from, to, begin, apart };
            for mut part in inside.drain(..) {
                part.merge();
                self.copy(&work, &part, out)?;
            }
        }
        if apart {
            // SAFETY: as above.
            unsafe { self.lane.fetch(out) }?;
        }
        Ok(Tile { bytes: out, under_way: apart })
    }

    /// Waits for a tile; `later` of those that are under way were started after it.
    pub fn finish<'t>(&mut self, tile: Tile<'t>, later: usize) -> Result<&'t [u8], Error> {
        if tile.under_way {
            self.lane.finish(later)?;
        }
        Ok(tile.bytes)
    }

    fn copy(&mut self, task: &Task, piece: &BoxCopy, out: &mut [u8]) -> Result<(), Error> {
        if task.changes_nothing() && !task.apart && is_long(piece, task.source_bits() / 8) {
            return self.copy_runs(task, piece, out);
        }
        let tensor = &self.checked.plan.tensors[task.tensor];
        let bits = task.source_bits();
        // A window of packed elements begins at a whole byte.
        let origin = piece.source - piece.source % (8 / bits).max(1);
        let span = ((piece.source - origin + piece.source_span()) * bits).div_ceil(8);
        let useful = (piece.volume() * bits).div_ceil(8);
        let capacity = self.reader.capacity() as u64;
        // Scales and updates go by the place of an element in its tensor, so these windows stay as they are.
        let packed = if task.needs_places() { None } else { Packed::new(piece, bits / 8) }
            .filter(|_| useful <= capacity);
        if let Some(packed) = packed {
            let size = bits / 8;
            let positions = packed.runs().map(|run| tensor.begin + run * size);
            let loaded = self.reader.gather(tensor.source, positions, (packed.run * size) as usize)?;
            return self.convert(task, &Scales::default(), &loaded, 0, out, &packed.copy);
        }
        match piece.widest().filter(|_| span > capacity) {
            Some(axis) => {
                let step = piece.dims[axis].count.div_ceil(2);
                for mut half in piece.split(axis, step) {
                    half.merge();
                    self.copy(task, &half, out)?;
                }
                Ok(())
            }
            None => {
                if let Some(CopyOp::LowRank(op)) = task.op {
                    return self.copy_updated(task, op, piece, out);
                }
                let scales = Scales::read(self.checked, &mut self.reader, task, piece)?;
                let loaded =
                    self.reader.load(tensor.source, tensor.begin + origin * bits / 8, span as usize)?;
                self.convert(task, &scales, &loaded, origin, out, piece)
            }
        }
    }

    /// Converts out of what was loaded last, whose first element is `origin` of its tensor.
    fn convert(
        &mut self,
        task: &Task,
        scales: &Scales,
        loaded: &Loaded,
        origin: u64,
        out: &mut [u8],
        piece: &BoxCopy,
    ) -> Result<(), Error> {
        let window = Window { bytes: self.reader.bytes(loaded), origin };
        // SAFETY: the next windows are read into other memory; what is mapped is not pinned, and read at once.
        unsafe { self.lane.convert(task, scales, window, out, piece) }?;
        if task.apart {
            self.reader.next_window();
        }
        Ok(())
    }

    /// Reads a box of runs straight into place.
    fn copy_runs(&mut self, task: &Task, piece: &BoxCopy, out: &mut [u8]) -> Result<(), Error> {
        let (run, outer) = runs(piece);
        let size = task.source_bits() / 8;
        let tensor = &self.checked.plan.tensors[task.tensor];
        let count: u64 = outer.iter().map(|dim| dim.count).product();
        for index in 0..count {
            let (mut index, mut source, mut target) = (index, piece.source, piece.target - task.begin);
            for dim in outer.iter().rev() {
                source += index % dim.count * dim.source;
                target += index % dim.count * dim.target;
                index /= dim.count;
            }
            let (from, length) = (tensor.begin + source * size, run * size);
            let place = &mut out[(target * size) as usize..][..length as usize];
            self.reader.fill(tensor.source, from, place)?;
            if let Some(runs) = &mut self.runs {
                runs.note(Run { source: tensor.source, from, at: self.position + target * size, length });
            }
        }
        Ok(())
    }
}

/// Elements of the neighbouring runs of a box, and the axes that lead from run to run.
fn runs(piece: &BoxCopy) -> (u64, &[Dim]) {
    match piece.dims.split_last() {
        Some((last, outer)) if last.source == 1 && last.target == 1 => (last.count, outer),
        _ => (1, &piece.dims),
    }
}

/// Whether a box is read best run by run: it is one, or its runs are long. `size` is that of an element in bytes.
fn is_long(piece: &BoxCopy, size: u64) -> bool {
    let (run, outer) = runs(piece);
    outer.is_empty() || run * size >= IN_PLACE
}

/// Bytes that are being filled: nobody sees them before they are finished.
#[must_use]
pub struct Tile<'t> {
    bytes: &'t mut [u8],
    under_way: bool,
}

impl Tile<'_> {
    /// Whether other work can go on before it is finished.
    pub fn is_under_way(&self) -> bool {
        self.under_way
    }
}

/// A copy between two element types, into a target that begins at payload element `begin`.
pub struct Task<'a> {
    /// The source, by its number in the plan.
    pub tensor: usize,
    /// The item's tensors: what the operation's own count.
    pub tensors: &'a [usize],
    pub op: Option<&'a CopyOp>,
    pub from: Dtype,
    pub to: Dtype,
    pub begin: u64,
    /// The lane computes apart from the target.
    pub apart: bool,
}

impl Task<'_> {
    fn changes_nothing(&self) -> bool {
        self.from == self.to && self.op.is_none()
    }

    /// What happens to an element depends on where in its tensor it is.
    fn needs_places(&self) -> bool {
        use CopyOp::{DequantBlock, DequantInt4, DequantMxfp4, LowRank};
        matches!(self.op, Some(DequantBlock { .. } | DequantMxfp4 { .. } | DequantInt4 { .. } | LowRank(_)))
    }

    /// Bits of an element as offsets and strides count them.
    fn source_bits(&self) -> u64 {
        match self.op {
            Some(CopyOp::DequantMxfp4 { .. } | CopyOp::DequantInt4 { .. }) => 4,
            _ => u64::from(self.from.bits()),
        }
    }
}
