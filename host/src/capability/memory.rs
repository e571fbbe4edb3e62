//! How much linear memory and how many table elements one instance may take.

use wasmtime::ResourceLimiter;

/// Table elements over all tables of an instance. A Python interpreter takes about 10,000.
const TABLE_ELEMENTS: usize = 100_000;

/// Counts what an instance takes and remembers whether it was refused more.
#[derive(Debug)]
pub(crate) struct Meter {
    limit: usize,
    memory: usize,
    elements: usize,
    refused: bool,
}

impl Meter {
    pub(super) fn new(limit: usize) -> Self {
        Self {
            limit,
            memory: 0,
            elements: 0,
            refused: false,
        }
    }

    /// Another call begins, with the memory that the instance has.
    pub(super) fn forget_refusal(&mut self) {
        self.refused = false;
    }

    /// The most linear memory that it has had, in bytes: memory that was given does not come back.
    pub(crate) fn peak(&self) -> usize {
        self.memory
    }

    /// Whether the guest asked for more than it may have: the likely reason if it trapped.
    pub(crate) fn refused(&self) -> bool {
        self.refused
    }
}

impl ResourceLimiter for Meter {
    fn memory_growing(
        &mut self,
        current: usize,
        desired: usize,
        _maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        let total = self.memory.saturating_sub(current).saturating_add(desired);
        if total > self.limit {
            self.refused = true;
            return Ok(false);
        }
        self.memory = total;
        Ok(true)
    }

    fn table_growing(
        &mut self,
        current: usize,
        desired: usize,
        _maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        let total = self
            .elements
            .saturating_sub(current)
            .saturating_add(desired);
        if total > TABLE_ELEMENTS {
            self.refused = true;
            return Ok(false);
        }
        self.elements = total;
        Ok(true)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memories_are_counted_together() {
        let mut meter = Meter::new(100);
        assert!(matches!(meter.memory_growing(0, 60, None), Ok(true)));
        assert!(matches!(meter.memory_growing(0, 40, None), Ok(true)));
        assert!(!meter.refused());
        assert_eq!(meter.peak(), 100);
        assert!(matches!(meter.memory_growing(40, 41, None), Ok(false)));
        assert!(meter.refused());
    }
}
