;; y (rows, outs) += x (rows, ins) · w (outs, ins) transposed: all the matrix products of a Transformer.
;; Four float32 at a time, so ins must be a multiple of four. x, w, y: where they begin in memory, in bytes.
(module
  (import "js" "memory" (memory 1))
  (func (export "linear")
    (param $x i32) (param $w i32) (param $y i32) (param $rows i32) (param $outs i32) (param $ins i32)
    (local $at i32) (local $left i32) (local $row i32) (local $end i32) (local $sum v128)
    (local.set $ins (i32.shl (local.get $ins) (i32.const 2))) ;; bytes of a row
    (loop $each_row
      (local.set $row (local.get $w))
      (local.set $end (i32.add (local.get $x) (local.get $ins)))
      (local.set $left (local.get $outs))
      (loop $each_out
        (local.set $sum (v128.const i32x4 0 0 0 0))
        (local.set $at (local.get $x))
        (loop $each_four
          (local.set $sum
            (f32x4.add
              (local.get $sum)
              (f32x4.mul (v128.load (local.get $at)) (v128.load (local.get $row)))))
          (local.set $at (i32.add (local.get $at) (i32.const 16)))
          (local.set $row (i32.add (local.get $row) (i32.const 16)))
          (br_if $each_four (i32.lt_u (local.get $at) (local.get $end))))
        (f32.store (local.get $y)
          (f32.add
            (f32.load (local.get $y))
            (f32.add
              (f32.add (f32x4.extract_lane 0 (local.get $sum)) (f32x4.extract_lane 1 (local.get $sum)))
              (f32.add (f32x4.extract_lane 2 (local.get $sum)) (f32x4.extract_lane 3 (local.get $sum))))))
        (local.set $y (i32.add (local.get $y) (i32.const 4)))
        (local.set $left (i32.sub (local.get $left) (i32.const 1)))
        (br_if $each_out (local.get $left)))
      (local.set $x (local.get $end))
      (local.set $rows (i32.sub (local.get $rows) (i32.const 1)))
      (br_if $each_row (local.get $rows)))))
