//! The module's allocator, and how the broker's memory is shared out at the start.
//!
//! The SDK holds a record in two byte vectors that double as they grow, and its headers in a list
//! of 16 bytes for each. In a general allocator such blocks leave holes behind that history could
//! have used: a third of the stock memory limit. So the system's allocator keeps the small blocks,
//! and each of these three has an arena of its own, in which it grows without moving.
//!
//! An arena holds at most one block. A block belongs in an arena if it is of 4 KiB or more and
//! aligned as the arena says; while the arena is taken, or too small, the system's allocator has
//! the block. The module's life is: claim memory for the arenas, give history the rest, and only
//! then open the arenas (`RecordArenas::provide`), so that history does not take one of them.
//!
//! To check a change: `./scripts/miri` runs the tests below under Miri, `tests/memory.rs` runs
//! records of every size through the finished module.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::UnsafeCell;
use std::ptr::{copy_nonoverlapping, null_mut};

/// Smaller blocks than this go to the system's allocator.
const MIN_BLOCK: usize = 4 << 10;

/// Alignment of the SDK's byte vectors.
const BYTES: usize = 1;
/// Alignment of its lists of headers.
const WORDS: usize = align_of::<usize>();

/// The module's allocator: the system's, and an arena for each block that grows with a record. It
/// has no arenas until the shell has started.
pub struct RecordArenas(UnsafeCell<[Arena; 3]>);

/// Memory for one block.
struct Arena {
    start: *mut u8,
    size: usize,
    /// The alignment of the blocks that belong here.
    align: usize,
    taken: bool,
}

// SAFETY: without atomics, WebAssembly has one thread. Elsewhere this is no global allocator.
#[cfg(all(target_arch = "wasm32", not(target_feature = "atomics")))]
unsafe impl Sync for RecordArenas {}

impl Default for RecordArenas {
    fn default() -> Self {
        Self::new()
    }
}

impl RecordArenas {
    /// Makes an allocator that has no arenas yet.
    pub const fn new() -> Self {
        const NONE: Arena = Arena { start: null_mut(), size: 0, align: 0, taken: false };
        Self(UnsafeCell::new([NONE; 3]))
    }

    /// Returns the bytes of each arena for records of `max_record` bytes: the SDK's input and its
    /// output, which may be twice as large as what they hold, and a list of headers of two bytes
    /// each.
    fn sizes(max_record: usize) -> [usize; 3] {
        let payload = 2 * (max_record + 1024);
        [payload, payload, WORDS * (2 * max_record + 64)]
    }

    /// Opens the arenas, once, in memory that is given away for good: [`Claimed::arenas`].
    pub(super) fn provide(&self, blocks: [Vec<u64>; 3]) {
        let aligns = [BYTES, BYTES, WORDS];
        for ((arena, block), align) in self.arenas().iter_mut().zip(blocks).zip(aligns) {
            let mut block = std::mem::ManuallyDrop::new(block);
            let (start, size) = (block.as_mut_ptr().cast::<u8>(), block.capacity() * 8);
            *arena = Arena { start, size, align, taken: false };
        }
    }

    /// Returns the arenas, for as long as one method looks at them.
    #[allow(clippy::mut_from_ref, reason = "as in any allocator, what is shared changes in a cell")]
    fn arenas(&self) -> &mut [Arena; 3] {
        // SAFETY: one thread, since the type is not `Sync` where there could be more; and no method
        // that has them calls another one that asks for them.
        unsafe { &mut *self.0.get() }
    }

    /// Returns the arena that a block is in.
    fn arena_of(arenas: &mut [Arena; 3], block: *mut u8) -> Option<&mut Arena> {
        arenas.iter_mut().find(|arena| arena.taken && arena.start == block)
    }
}

// SAFETY: an arena is memory of its own, leaked by `provide`, aligned to 8; it is given to one
// block at a time, of at most its size and alignment. Everything else is the system's, which keeps
// its own promises and never sees an arena's address.
unsafe impl GlobalAlloc for RecordArenas {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let fits = |arena: &&mut Arena| {
            !arena.taken && arena.align == layout.align() && layout.size() <= arena.size
        };
        match self.arenas().iter_mut().filter(|_| layout.size() >= MIN_BLOCK).find(fits) {
            Some(arena) => {
                arena.taken = true;
                arena.start
            }
            // SAFETY: the caller's promises are the system's.
            None => unsafe { System.alloc(layout) },
        }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        match Self::arena_of(self.arenas(), block) {
            Some(arena) => arena.taken = false,
            // SAFETY: not an arena's, so the system gave it.
            None => unsafe { System.dealloc(block, layout) },
        }
    }

    unsafe fn realloc(&self, block: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        let grown = Layout::from_size_align(size, layout.align());
        let Ok(grown) = grown else { return null_mut() };
        let arena = Self::arena_of(self.arenas(), block).map(|arena| arena.size);
        match arena {
            Some(arena) if size <= arena => block,
            // SAFETY: not an arena's and not about to be, so it is between the system and the
            // caller.
            None if size < MIN_BLOCK => unsafe { System.realloc(block, layout, size) },
            _ => {
                // SAFETY: two blocks of at least the copied size, the new one not null.
                unsafe {
                    let new = self.alloc(grown);
                    if !new.is_null() {
                        copy_nonoverlapping(block, new, layout.size().min(size));
                        self.dealloc(block, layout);
                    }
                    new
                }
            }
        }
    }
}

/// Memory claimed for what grows with a record.
pub(super) struct Claimed {
    /// For the arenas.
    pub(super) arenas: [Vec<u64>; 3],
    /// For small blocks: given back to the system's allocator before history takes the rest.
    pub(super) spare: Vec<u64>,
    /// The shell's own buffer.
    pub(super) scratch: Vec<u8>,
}

/// Claims memory for records of `max_record` bytes; `None` if the broker does not give as much.
pub(super) fn claim_for_records(max_record: usize) -> Option<Claimed> {
    let [input, output, list] = RecordArenas::sizes(max_record).map(claim);
    let mut scratch = Vec::new();
    scratch.try_reserve_exact(max_record + 1024).ok()?;
    Some(Claimed { arenas: [input?, output?, list?], spare: claim(48 << 10)?, scratch })
}

/// Returns the bytes that the broker still gives in one piece, up to 1 GiB.
pub(super) fn available_memory() -> usize {
    // From above, because what a successful attempt got is never given back.
    let mut bytes = 1 << 30;
    while bytes > 0 && claim(bytes).is_none() {
        bytes -= (bytes / 256).next_multiple_of(1 << 12).min(bytes);
    }
    bytes
}

/// Allocates `bytes`; `black_box` keeps the optimiser from removing an allocation that nobody
/// reads.
fn claim(bytes: usize) -> Option<Vec<u64>> {
    let mut memory = Vec::new();
    memory.try_reserve_exact(bytes.div_ceil(8)).ok()?;
    Some(std::hint::black_box(memory))
}

#[cfg(test)]
mod tests {
    use super::*;
    use fraud_simulator::SplitMix64;

    const KIB: usize = 1 << 10;

    /// Arenas of 16, 8 and 8 KiB: two for bytes, one for words. Given back at the end, so that Miri
    /// finds no leak.
    struct Opened(RecordArenas);

    /// A block, every byte of which is its number.
    struct Block {
        start: *mut u8,
        layout: Layout,
        number: u8,
    }

    impl Opened {
        fn new() -> Self {
            let memory = RecordArenas::new();
            memory.provide([16, 8, 8].map(|kib| claim(kib * KIB).expect("memory")));
            Self(memory)
        }

        fn alloc(&self, size: usize, align: usize, number: u8) -> Block {
            let layout = Layout::from_size_align(size, align).expect("a layout");
            // SAFETY: the size is not 0.
            let start = unsafe { self.0.alloc(layout) };
            assert!(!start.is_null() && start.addr().is_multiple_of(align));
            let block = Block { start, layout, number };
            // SAFETY: the block has this size, and nobody else.
            unsafe { start.write_bytes(number, size) };
            block
        }

        fn realloc(&self, block: Block, size: usize) -> Block {
            // SAFETY: the block is of this allocator and layout, and the size is not 0.
            let start = unsafe { self.0.realloc(block.start, block.layout, size) };
            let layout = Layout::from_size_align(size, block.layout.align()).expect("a layout");
            assert!(!start.is_null());
            let kept = block.layout.size().min(size);
            let block = Block { start, layout, ..block };
            block.check(kept);
            // SAFETY: the block has this size, and nobody else.
            unsafe { start.write_bytes(block.number, size) };
            block
        }

        fn free(&self, block: Block) {
            block.check(block.layout.size());
            // SAFETY: the block is of this allocator and layout.
            unsafe { self.0.dealloc(block.start, block.layout) };
        }

        /// The number of the arena that a block is in.
        fn arena(&self, block: &Block) -> Option<usize> {
            self.0.arenas().iter().position(|arena| arena.taken && arena.start == block.start)
        }
    }

    impl Drop for Opened {
        fn drop(&mut self) {
            for arena in self.0.arenas() {
                // SAFETY: `provide` took the memory out of such a vector.
                drop(unsafe { Vec::from_raw_parts(arena.start.cast::<u64>(), 0, arena.size / 8) });
            }
        }
    }

    impl Block {
        fn check(&self, size: usize) {
            // SAFETY: the block has at least this size, all of it written.
            let bytes = unsafe { std::slice::from_raw_parts(self.start, size) };
            // Not every byte, of which Miri would look at two million.
            assert!(bytes.iter().step_by(61).all(|byte| *byte == self.number));
        }
    }

    #[test]
    fn who_gets_an_arena() {
        let memory = Opened::new();
        let arena = |size, align| {
            let block = memory.alloc(size, align, 1);
            (memory.arena(&block), block)
        };
        let (found, large) = arena(12 * KIB, BYTES);
        assert_eq!(found, Some(0));
        let (found, list) = arena(8 * KIB, WORDS);
        assert_eq!(found, Some(2));
        let (found, second) = arena(4 * KIB, BYTES);
        assert_eq!(found, Some(1), "the next that is free");
        let others = [(4 * KIB, BYTES), (4 * KIB, WORDS), (4 * KIB, 2), (4 * KIB - 1, BYTES)];
        for (size, align) in others {
            let (found, other) = arena(size, align);
            assert_eq!(found, None, "{size} bytes aligned to {align}");
            memory.free(other);
        }
        memory.free(large);
        let (found, too_large) = arena(16 * KIB + 1, BYTES);
        assert_eq!(found, None);
        let (found, again) = arena(16 * KIB, BYTES);
        assert_eq!(found, Some(0));
        [list, second, too_large, again].into_iter().for_each(|block| memory.free(block));
    }

    #[test]
    fn a_block_grows_into_an_arena_in_it_and_out_of_it() {
        let memory = Opened::new();
        let mut block = memory.alloc(64, BYTES, 7);
        let mut arenas = Vec::new();
        for size in [4 * KIB - 1, 4 * KIB, 16 * KIB, 100, 16 * KIB + 1, 16 * KIB] {
            block = memory.realloc(block, size);
            arenas.push(memory.arena(&block));
        }
        assert_eq!(arenas, [None, Some(0), Some(0), Some(0), None, Some(0)]);
        memory.free(block);
    }

    #[test]
    fn without_arenas_all_is_the_systems() {
        let memory = Opened(RecordArenas::new());
        let block = memory.realloc(memory.alloc(64, BYTES, 7), 64 * KIB);
        assert_eq!(memory.arena(&block), None);
        memory.free(block);
        std::mem::forget(memory);
    }

    /// Whatever is allocated, grown, shrunk and freed, no block is written over by another one.
    #[test]
    fn blocks_never_overlap() {
        let memory = Opened::new();
        let mut random = SplitMix64::new(1);
        let mut next = |below: u64| random.below(below) as usize;
        let mut blocks: Vec<Block> = Vec::new();
        for number in 0..=200 {
            let size = 1 << next(15) | next(4 * KIB as u64);
            if blocks.len() < 2 || next(2) == 0 {
                blocks.push(memory.alloc(size, [BYTES, WORDS][next(2)], number));
            }
            let block = blocks.swap_remove(next(blocks.len() as u64));
            match next(3) {
                0 => memory.free(block),
                _ => blocks.push(memory.realloc(block, size)),
            }
        }
        blocks.into_iter().for_each(|block| memory.free(block));
    }
}
