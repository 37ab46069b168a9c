//! The cluster settings that bound a transform, with a stock cluster's values.

/// What the cluster allows a transform; [`Limits::stock`] is an untouched configuration.
///
/// ```
/// use transform_host::Limits;
///
/// let limits = Limits::stock().with(|limits| limits.memory_bytes = 4 << 20);
/// assert_eq!(limits.runtime_limit_ms, 3_000);
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Limits {
    /// `data_transforms_per_function_memory_limit`: linear memory of one VM, in bytes.
    pub memory_bytes: u64,
    /// `data_transforms_per_core_memory_reservation`: over `memory_bytes`, the number of transforms.
    pub core_memory_bytes: u64,
    /// `data_transforms_binary_max_size`, in bytes; the stored record's overhead counts too.
    pub binary_max_bytes: u64,
    /// `data_transforms_runtime_limit_ms`: time for one record, as fuel.
    pub runtime_limit_ms: u64,
    /// `data_transforms_commit_interval_ms`.
    pub commit_interval_ms: u64,
    /// `data_transforms_logging_line_max_bytes`: where a log message is cut.
    pub log_line_max_bytes: usize,
    /// `data_transforms_logging_buffer_capacity_bytes`: log bytes kept until they are taken.
    pub log_buffer_bytes: usize,
    /// Elements of the module's table.
    pub table_elements: usize,
    /// Call stack of the module, in bytes.
    pub wasm_stack_bytes: usize,
    /// Call stack of the module and the host functions it calls, in bytes.
    pub async_stack_bytes: usize,
    /// What waits to be written, per core, before the module has to wait (45 % of the core's
    /// transform memory; ten stock transforms' worth here).
    pub write_buffer_bytes: usize,
}

impl Limits {
    /// Fuel that the broker counts as one millisecond.
    pub const FUEL_PER_MS: u64 = 2_000_000;
    /// Bytes of the record and the batch around a stored module, counted with its own against
    /// [`Limits::binary_max_bytes`].
    pub const STORED_OVERHEAD: u64 = 101;
    /// Function types that the broker's module reader takes, and functions too.
    pub const MAX_FUNCTIONS: u32 = (1 << 20) / 48;
    /// Bytes of a transform's name.
    pub const MAX_NAME_BYTES: usize = 128;
    /// Output topics of a transform.
    pub const MAX_OUTPUTS: usize = 8;
    /// Environment variables of a transform.
    pub const MAX_VARIABLES: usize = 128;
    /// Bytes of an environment variable's key.
    pub const MAX_KEY_BYTES: usize = 128;
    /// Bytes of an environment variable's value.
    pub const MAX_VALUE_BYTES: usize = 2_048;

    /// The values of a cluster on which nothing was configured.
    pub const fn stock() -> Self {
        Self {
            memory_bytes: 2 << 20,
            core_memory_bytes: 20 << 20,
            binary_max_bytes: 10 << 20,
            runtime_limit_ms: 3_000,
            commit_interval_ms: 3_000,
            log_line_max_bytes: 1_024,
            log_buffer_bytes: 500 << 10,
            table_elements: 16_384,
            wasm_stack_bytes: 64 << 10,
            async_stack_bytes: 124 << 10,
            write_buffer_bytes: 9 << 20,
        }
    }

    /// Changes some of the limits.
    pub fn with(mut self, change: impl FnOnce(&mut Self)) -> Self {
        change(&mut self);
        self
    }

    /// Fuel for one record, and for `_start` up to its first wait for a batch.
    pub const fn fuel(&self) -> u64 {
        self.runtime_limit_ms.saturating_mul(Self::FUEL_PER_MS)
    }

    /// How many transforms the cluster takes.
    pub const fn max_transforms(&self) -> u64 {
        match self.core_memory_bytes.checked_div(self.memory_bytes) {
            Some(count) => count,
            None => 0,
        }
    }

    /// A VM's memory as the broker reserves it: whole pages of the operating system.
    pub(crate) const fn reserved_memory(&self) -> u64 {
        self.memory_bytes / 4096 * 4096
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self::stock()
    }
}
