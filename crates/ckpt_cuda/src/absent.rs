//! Where no driver can be loaded: a device that nobody can have.

use crate::{Error, Job};

pub fn has_driver() -> bool {
    false
}

pub fn device_count() -> Result<usize, Error> {
    Err(Error::NoDriver)
}

pub enum Device {}

impl Device {
    pub fn check(_ordinal: usize) -> Result<(), Error> {
        Err(Error::NoDriver)
    }

    pub fn open(_ordinal: usize) -> Result<Device, Error> {
        Err(Error::NoDriver)
    }

    pub fn name(&self) -> &str {
        match *self {}
    }
}

pub enum Pinned {}

pub enum Lane {}

impl Lane {
    pub const WINDOWS: usize = 1;

    pub fn new(device: &Device, _window: usize, _tile: usize) -> Result<Lane, Error> {
        match *device {}
    }

    pub fn bind(&self) -> Result<(), Error> {
        match *self {}
    }

    /// # Safety
    /// Nobody can call this.
    pub unsafe fn pin(&self, _memory: &mut [u8]) -> Result<Pinned, Error> {
        match *self {}
    }

    /// # Safety
    /// Nobody can call this.
    pub unsafe fn upload(&mut self, _bytes: &[u8]) -> Result<(), Error> {
        match *self {}
    }

    /// # Safety
    /// Nobody can call this.
    pub unsafe fn copy(&mut self, _job: &Job) -> Result<bool, Error> {
        match *self {}
    }

    /// # Safety
    /// Nobody can call this.
    pub unsafe fn fetch(&mut self, _out: &mut [u8]) -> Result<(), Error> {
        match *self {}
    }

    pub fn finish(&mut self, _left: usize) -> Result<(), Error> {
        match *self {}
    }
}
