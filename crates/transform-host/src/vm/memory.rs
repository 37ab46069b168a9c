//! The place of a module's linear memory: one heap as large as the limit, as on the broker.

use memmap2::{MmapMut, MmapRaw};
use wasmtime::{Error, LinearMemory, MemoryCreator, MemoryType};

/// A huge page of x86-64, and of aarch64 with pages of 4 KiB.
const HUGE_PAGE: usize = 2 << 20;

/// Makes heaps of this many bytes.
pub(crate) struct Heaps(pub u64);

/// Zeroed memory, whose first `used` bytes are the module's.
struct Heap {
    map: MmapRaw,
    /// Offset of the heap in the mapping, at the border of a huge page.
    start: usize,
    size: usize,
    used: usize,
}

impl Heap {
    fn new(size: u64) -> Result<Self, String> {
        let failed =
            |why: &dyn std::fmt::Display| format!("cannot map {size} bytes of memory: {why}");
        let size = usize::try_from(size).map_err(|error| failed(&error))?;
        // Whole huge pages, and one more, so that the heap can begin at the border of one.
        let len = (size.div_ceil(HUGE_PAGE) + 1).saturating_mul(HUGE_PAGE);
        let map = MmapMut::map_anon(len).map_err(|error| failed(&error))?;
        // The broker asks for huge pages too. Without them nothing but the speed differs.
        #[cfg(target_os = "linux")]
        let _ = map.advise(memmap2::Advice::HugePage);
        let start = map.as_ptr().align_offset(HUGE_PAGE);
        Ok(Self { map: map.into(), start, size, used: 0 })
    }
}

// SAFETY: the mapping is zeroed, readable and writable, neither moves nor shrinks while the heap
// lives, and holds `start + size` bytes; `used` is at most `size`.
unsafe impl LinearMemory for Heap {
    fn byte_size(&self) -> usize {
        self.used
    }

    fn byte_capacity(&self) -> usize {
        self.size
    }

    fn grow_to(&mut self, new_size: usize) -> Result<(), Error> {
        if new_size > self.size {
            return Err(Error::msg(format!(
                "unable to grow memory past {} to {new_size} bytes",
                self.size
            )));
        }
        self.used = self.used.max(new_size);
        Ok(())
    }

    fn as_ptr(&self) -> *mut u8 {
        self.map.as_mut_ptr().wrapping_add(self.start)
    }
}

// SAFETY: every memory is a mapping of its own, zeroed, and as large as its type's minimum at least.
// It has no guard: the engine is configured to check every access.
unsafe impl MemoryCreator for Heaps {
    fn new_memory(
        &self,
        _: MemoryType,
        minimum: usize,
        _: Option<usize>,
        reserved: Option<usize>,
        guard: usize,
    ) -> Result<Box<dyn LinearMemory>, String> {
        assert_eq!((reserved, guard), (Some(0), 0), "as the engine is configured");
        let mut heap = Heap::new(self.0)?;
        heap.grow_to(minimum).map_err(|why| why.to_string())?;
        Ok(Box::new(heap))
    }
}
