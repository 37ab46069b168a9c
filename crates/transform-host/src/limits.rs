//! The limits of a transform: the cluster's settings, and what no setting changes.

/// The settings of a cluster that limit a transform. [`Limits::stock`] has the values of a cluster
/// whose configuration nobody has touched; the limits that no setting changes are constants.
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
    /// `data_transforms_per_core_memory_reservation`: memory of all VMs of a core, in bytes.
    pub core_memory_bytes: u64,
    /// `data_transforms_binary_max_size`: a module with [`Limits::STORED_OVERHEAD`], in bytes.
    pub binary_max_bytes: u64,
    /// `data_transforms_runtime_limit_ms`: time for one record, counted in fuel.
    pub runtime_limit_ms: u64,
    /// `data_transforms_commit_interval_ms`: time from one commit of offsets to the next.
    pub commit_interval_ms: u64,
    /// `data_transforms_logging_line_max_bytes`: a longer log message is cut.
    pub log_line_max_bytes: usize,
    /// `data_transforms_logging_buffer_capacity_bytes`: log bytes kept until they are taken.
    pub log_buffer_bytes: usize,
    /// Elements of the module's table.
    pub table_elements: usize,
    /// Call stack of the module, in bytes.
    pub wasm_stack_bytes: usize,
    /// Call stack of the module and the host functions it calls, in bytes.
    pub async_stack_bytes: usize,
    /// Written records that may wait in a core, in bytes; with more, the module waits too. The
    /// broker takes 45 % of [`Limits::core_memory_bytes`].
    pub write_buffer_bytes: usize,
}

impl Limits {
    /// Fuel that the broker counts as one millisecond.
    pub const FUEL_PER_MS: u64 = 2_000_000;
    /// Bytes of the record and the batch in which a module is stored. They count too against
    /// [`Limits::binary_max_bytes`].
    pub const STORED_OVERHEAD: u64 = 101;
    /// Function types of a module that the broker's reader takes, and its functions.
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

    /// Returns the values of a cluster on which nothing was configured.
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

    /// Returns the fuel for one record, and for `_start` up to its first wait for a batch.
    pub const fn fuel(&self) -> u64 {
        self.runtime_limit_ms.saturating_mul(Self::FUEL_PER_MS)
    }

    /// Returns the number of transforms that the cluster takes.
    pub const fn max_transforms(&self) -> u64 {
        match self.core_memory_bytes.checked_div(self.memory_bytes) {
            Some(count) => count,
            None => 0,
        }
    }

    /// Returns a VM's memory as the broker reserves it: whole pages of the operating system.
    pub(crate) const fn reserved_memory(&self) -> u64 {
        self.memory_bytes / 4096 * 4096
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self::stock()
    }
}
