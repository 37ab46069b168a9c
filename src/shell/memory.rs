//! The module's allocator: the system's, with fixed places for the few blocks that grow with a
//! record.
//!
//! The SDK holds a record in two byte vectors that double as they grow, and its headers in a list
//! of 16 bytes for each. In a general allocator such blocks leave holes behind that history could
//! have used: a third of the stock memory limit. Here each has a place in which it grows without
//! moving.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::UnsafeCell;
use std::ptr::{copy_nonoverlapping, null_mut};

/// Blocks smaller than this go to the system's allocator.
const FLOOR: usize = 4 << 10;

struct Place {
    start: *mut u8,
    size: usize,
    /// Byte vectors are aligned to 1, lists to a word.
    align: usize,
    taken: bool,
}

/// The allocator; without places until [`Places::provide`].
pub struct Places(UnsafeCell<[Place; 3]>);

// SAFETY: the module has one thread.
unsafe impl Sync for Places {}

impl Places {
    /// No places yet.
    pub const fn new() -> Self {
        const NONE: Place = Place { start: null_mut(), size: 0, align: 0, taken: false };
        Self(UnsafeCell::new([NONE; 3]))
    }

    /// Bytes that the places for records of `max_record` bytes take: the SDK's input and its output,
    /// which may be twice as large as what they hold, and a list of headers of two bytes each.
    pub fn sizes(max_record: usize) -> [usize; 3] {
        let payload = 2 * (max_record + 1024);
        [payload, payload, align_of::<u32>() * (2 * max_record + 64)]
    }

    /// Makes the places in memory that is given away for good.
    pub fn provide(&self, blocks: [Vec<u64>; 3]) {
        for (at, (place, block)) in self.places().iter_mut().zip(blocks).enumerate() {
            let block = std::mem::ManuallyDrop::new(block);
            let align = if at < 2 { 1 } else { align_of::<u32>() };
            let (start, size) = (block.as_ptr().cast::<u8>().cast_mut(), block.capacity() * 8);
            *place = Place { start, size, align, taken: false };
        }
    }

    /// The places, for as long as one method looks at them.
    #[allow(clippy::mut_from_ref)] // as in any allocator, what is shared is changed behind a cell
    fn places(&self) -> &mut [Place; 3] {
        // SAFETY: one thread, and no method that has them calls another one that asks for them.
        unsafe { &mut *self.0.get() }
    }

    fn place_of(places: &mut [Place; 3], block: *mut u8) -> Option<&mut Place> {
        places.iter_mut().find(|place| place.taken && place.start == block)
    }
}

// SAFETY: a place is memory of its own, leaked by `provide`, aligned to 8; it is given to one block
// at a time, of at most its size and alignment. Everything else is the system's, which keeps its own
// promises and never sees a place's address.
unsafe impl GlobalAlloc for Places {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let fits = |place: &&mut Place| {
            !place.taken && place.align == layout.align() && layout.size() <= place.size
        };
        match self.places().iter_mut().filter(|_| layout.size() >= FLOOR).find(fits) {
            Some(place) => {
                place.taken = true;
                place.start
            }
            // SAFETY: the caller's promises are the system's.
            None => unsafe { System.alloc(layout) },
        }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        match Self::place_of(self.places(), block) {
            Some(place) => place.taken = false,
            // SAFETY: not a place's, so the system gave it.
            None => unsafe { System.dealloc(block, layout) },
        }
    }

    unsafe fn realloc(&self, block: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        let grown = Layout::from_size_align(size, layout.align());
        let Ok(grown) = grown else { return null_mut() };
        let placed = Self::place_of(self.places(), block).map(|place| place.size);
        match placed {
            Some(place) if size <= place => block,
            // SAFETY: not a place's and not about to be, so it is between the system and the caller.
            None if size < FLOOR => unsafe { System.realloc(block, layout, size) },
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
