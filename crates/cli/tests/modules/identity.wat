;; Writes every record as it came to the first output; traps at one of more than 10,000 bytes.
(module
  (import "redpanda_transform" "check_abi_version_1" (func $abi))
  (import "redpanda_transform" "read_batch_header"
    (func $batch (param i32 i32 i32 i32 i32 i32 i32 i32 i32 i32) (result i32)))
  (import "redpanda_transform" "read_next_record"
    (func $next (param i32 i32 i32 i32 i32) (result i32)))
  (import "redpanda_transform" "write_record" (func $write (param i32 i32) (result i32)))
  (memory (export "memory") 8)
  (func (export "_start") (local $len i32)
    (loop $batches
      (drop (call $batch
        (i32.const 0) (i32.const 8) (i32.const 16) (i32.const 24) (i32.const 32)
        (i32.const 40) (i32.const 48) (i32.const 56) (i32.const 64) (i32.const 72)))
      (loop $records
        (local.set $len (call $next
          (i32.const 80) (i32.const 88) (i32.const 96) (i32.const 128) (i32.const 400000)))
        (br_if $batches (i32.lt_s (local.get $len) (i32.const 0)))
        (if (i32.gt_u (local.get $len) (i32.const 10000)) (then unreachable))
        (drop (call $write (i32.const 128) (local.get $len)))
        (br $records)))))
