#include "tinytorch/ops/pointwise.h"

#include <algorithm>

#include "tinytorch/core/format.h"
#include "tinytorch/core/memory.h"
#include "tinytorch/core/parallel.h"

namespace tinytorch {

namespace {

using kernels::RowFn;

// All operands lie in memory in out's order, or are single elements: one long row, no walk.
bool is_flat(const Tensor& out, std::span<const Tensor* const> inputs) {
  if (!out.is_dense()) return false;
  for (const Tensor* t : inputs) {
    if (t->numel() == 1) continue;
    if (t->is_contiguous() && out.is_contiguous() && t->shape() == out.shape()) continue;
    if (t->shape() != out.shape() || t->strides() != out.strides()) return false;
  }
  return true;
}

constexpr double kLeastChunkNs = 2e3;  // less than any chunk of parallel_for

// The numbers of a formula and its time, in the arguments of a call that a plan may keep.
struct FormulaArgs {
  bool has_numbers = false;
  FormulaNumbers numbers;
  double ns = 0;
  FormulaArgs(const FormulaNumbers* params, double element_ns)
      : has_numbers(params), numbers(params ? *params : FormulaNumbers()), ns(element_ns) {}
  const FormulaNumbers* params() const { return has_numbers ? &numbers : nullptr; }
};
struct RowArgs {
  RowFn row;
  int64_t n;
  char* data[kernels::kMaxOperands];
  int64_t step[kernels::kMaxOperands];
  int operands;
  FormulaArgs formula;
};
struct WalkedArgs {
  kernels::WalkArgs walk;
  FormulaArgs formula;
  void clear_unused() { walk.clear_unused(); }
};
void walk(const WalkedArgs& args) {
  const auto with_params = [&] {
    kernels::WalkArgs walk = args.walk;
    walk.params = args.formula.params();
    return walk;
  };
  kernels::parallel_walk(with_params(), args.formula.ns);
}

// Cut into chunks.
[[gnu::noinline]] void run_row(RowFn row, int64_t n, char* const* data, const int64_t* step,
                               int operands, const FormulaNumbers* params, double ns);
void row(const RowArgs& a) {
  run_row(a.row, a.n, a.data, a.step, a.operands, a.formula.params(), a.formula.ns);
}
void run_row(RowFn row_fn, int64_t n, char* const* data, const int64_t* step, int operands,
             const FormulaNumbers* params, double ns) {
  if (kernels::recording()) [[unlikely]] {
    RowArgs args{row_fn, n, {}, {}, operands, {params, ns}};
    std::copy_n(data, operands, args.data);
    std::copy_n(step, operands, args.step);
    for (int i = 0; i < operands; ++i) address_passed(data[i]);
    return kernels::call(row, args);
  }
  parallel_for(n, ns, [&](int64_t begin, int64_t end) {
    char* at[kernels::kMaxOperands];
    for (int i = 0; i < operands; ++i) at[i] = data[i] + begin * step[i];
    row_fn(at, step, end - begin, params);
  });
}

// As dense_result() gives it: nobody but run_row() gets it.
char* address_of(const Tensor& t) {
  return static_cast<char*>(t.storage().data()) +
         t.storage_offset() * static_cast<int64_t>(item_size(t.dtype()));
}

void run_flat(RowFn row, const Tensor& out, std::span<const Tensor* const> inputs,
              const FormulaNumbers* params, double ns) {
  char* data[kernels::kMaxOperands];
  int64_t step[kernels::kMaxOperands];
  const int64_t n = out.numel();
  data[0] = address_of(out);
  step[0] = static_cast<int64_t>(item_size(out.dtype()));
  int operands = 1;
  for (const Tensor* t : inputs) {
    data[operands] = address_of(*t);
    step[operands++] = t->numel() == 1 && n != 1 ? 0 : static_cast<int64_t>(item_size(t->dtype()));
  }
  run_row(row, n, data, step, operands, params, ns);
}

Strides byte_strides(const Tensor& t, const Shape& shape) {
  Layout l = t.layout();
  if (t.shape() != shape) l = expand_layout(l, shape);
  for (int64_t& s : l.strides) s *= static_cast<int64_t>(item_size(t.dtype()));
  return l.strides;
}

[[noreturn, gnu::cold]] void raise_no_row(const char* op, DType dtype) {
  raise<DTypeError>("{}: no kernel for {}. Hint: to(DType::kF32).", op, dtype_name(dtype));
}

}  // namespace

void run_pointwise_into(const char* op, const kernels::PointwiseRows& rows, DType dtype,
                        const Tensor& out, std::span<const Tensor* const> inputs,
                        const FormulaNumbers* params, double ns) {
  const RowFn row = rows.row(dtype);
  if (!row) raise_no_row(op, dtype);
  if (out.numel() == 0) return;
  if (kernels::pointwise.simd() && is_flat(out, inputs))
    return run_flat(row, out, inputs, params, ns);
  WalkedArgs walked{{}, {params, ns}};
  kernels::WalkArgs& args = walked.walk;
  args.operands = static_cast<int>(inputs.size()) + 1;
  args.shape = out.shape();
  args.row = row;
  args.data[0] = static_cast<char*>(out.raw_data());
  args.stride[0] = byte_strides(out, out.shape());
  for (size_t i = 0; i < inputs.size(); ++i) {
    args.data[i + 1] = static_cast<char*>(inputs[i]->raw_data());
    args.stride[i + 1] = byte_strides(*inputs[i], out.shape());
  }
  kernels::call(walk, walked);
}

Tensor run_dense(const kernels::PointwiseRows& rows, DType dtype, DType out_dtype,
                 std::span<const Tensor* const> inputs, const FormulaNumbers* params, double ns) {
  // The plain variant always walks: in a lab the walk is the student's.
  if (!kernels::pointwise.simd() || inputs[0]->dtype() != dtype) return {};
  const RowFn row = rows.dense_row(dtype);
  if (!row) return {};
  DenseOperands x;
  Tensor out = dense_result(inputs, out_dtype, x);
  if (!out.defined()) return out;
  const int operands = static_cast<int>(inputs.size()) + 1;
  int64_t step[kernels::kMaxOperands];
  step[0] = static_cast<int64_t>(item_size(out_dtype));
  for (int i = 1; i < operands; ++i) step[i] = static_cast<int64_t>(item_size(dtype));
  if (x.numel > 0) run_row(row, x.numel, x.data, step, operands, params, ns);
  return out;
}

// The shortest way: what is left beside the row is most of a small operation's time.
Tensor run_dense(const kernels::PointwiseRows& rows, const Tensor& a, const Tensor& b,
                 const FormulaNumbers* params) {
  constexpr double kNs = 0.2;
  DenseOperands x;
  Tensor out = kernels::pointwise.simd() ? dense_result(a, b, x) : Tensor();
  if (!out.defined()) return out;
  const RowFn row = rows.dense_row(x.dtype);
  if (!row) return {};
  const auto item = static_cast<int64_t>(item_size(x.dtype));
  const int64_t step[] = {item, item, item};
  if (x.numel <= static_cast<int64_t>(kLeastChunkNs / kNs) && !kernels::recording()) {
    if (x.numel > 0) row(x.data, step, x.numel, params);
  } else {
    run_row(row, x.numel, x.data, step, 3, params, kNs);
  }
  return out;
}

Tensor run_pointwise(const char* op, const kernels::PointwiseRows& rows, DType dtype,
                     DType out_dtype, std::span<const Tensor* const> inputs,
                     const FormulaNumbers* params, double ns) {
  if (Tensor out = run_dense(rows, dtype, out_dtype, inputs, params, ns); out.defined()) return out;
  Shape shape = inputs[0]->shape();
  for (const Tensor* t : inputs.subspan(1)) shape = broadcast_shapes(shape, t->shape(), op);
  const Tensor* like = nullptr;  // the operand whose memory order the result takes
  for (const Tensor* t : inputs)
    if (!like && t->shape() == shape && t->is_dense()) like = t;
  Tensor out = like ? empty_like(*like, out_dtype) : empty(shape, out_dtype);
  run_pointwise_into(op, rows, dtype, out, inputs, params, ns);
  return out;
}

}  // namespace tinytorch
