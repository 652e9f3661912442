//! Where no driver can be loaded: a device that nobody can have.

use crate::{Error, Job};

pub fn device_count() -> Result<usize, Error> {
    Err(Error::NoDriver)
}

pub enum Device {}

impl Device {
    pub fn open(_ordinal: usize) -> Result<Device, Error> {
        Err(Error::NoDriver)
    }

    pub fn name(&self) -> &str {
        match *self {}
    }
}

pub enum Lane {}

impl Lane {
    pub fn new(device: &Device, _window: usize, _tile: usize) -> Result<Lane, Error> {
        match *device {}
    }

    pub fn bind(&self) -> Result<(), Error> {
        match *self {}
    }

    pub fn upload(&mut self, _bytes: &[u8]) -> Result<(), Error> {
        match *self {}
    }

    pub fn copy(&mut self, _job: &Job) -> Result<bool, Error> {
        match *self {}
    }

    pub fn fetch(&mut self, _out: &mut [u8]) -> Result<(), Error> {
        match *self {}
    }
}
