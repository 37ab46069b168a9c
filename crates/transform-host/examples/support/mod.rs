//! A transform in WebAssembly text, in place of your own module's bytes.

/// Returns a transform that runs `body` for each record: the payload is `$len` bytes at 1024, and
/// `$write` sends a payload on. A value of less than 64 bytes without a key begins at 1026.
pub fn transform(body: &str) -> Vec<u8> {
    let text = format!(
        r#"(module
          (import "redpanda_transform" "check_abi_version_2" (func))
          (import "redpanda_transform" "read_batch_header"
            (func $batch (param i32 i32 i32 i32 i32 i32 i32 i32 i32 i32) (result i32)))
          (import "redpanda_transform" "read_next_record"
            (func $next (param i32 i32 i32 i32 i32) (result i32)))
          (import "redpanda_transform" "write_record" (func $write (param i32 i32) (result i32)))
          (memory (export "memory") 2)
          (func $record (param $len i32) {body})
          (func (export "_start") (local $len i32)
            (loop $batches
              ;; The batch header's fields and the record's attributes are not looked at: all go to 0.
              (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0)
              (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0)
              (drop (call $batch))
              (loop $records
                (local.set $len (call $next
                  (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 1024) (i32.const 65536)))
                (if (i32.ge_s (local.get $len) (i32.const 0)) (then
                  (call $record (local.get $len))
                  (br $records))))
              (br $batches))))"#
    );
    wat::parse_str(text).expect("valid WebAssembly text")
}
