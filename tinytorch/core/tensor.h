#pragma once
#include <functional>
#include <initializer_list>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "tinytorch/core/dtype.h"
#include "tinytorch/core/error.h"
#include "tinytorch/core/layout.h"
#include "tinytorch/core/ref.h"
#include "tinytorch/core/shape.h"
#include "tinytorch/core/small_objects.h"
#include "tinytorch/core/storage.h"

namespace tinytorch {

class Tensor;
class Node;           // a recorded operation: core/autograd.h
struct PackedWeight;  // a copy for inference: ops/packed_weight.h
void destroy_node(Node* node);

// What a tensor is apart from its layout: its count and its place in the autograd graph.
struct TensorBase : RefCounted {
  TensorBase() = default;
  ~TensorBase() {
    if (grad_fn || grad) leave_graph();
    if (packed) drop_packed();
  }
  // Of a view: the version at which it was taken, or kAnyVersion (note at become_view). In the gap
  // behind the count and without a start value: every tensor would pay for it.
  uint32_t viewed_version;
  Node* grad_fn = nullptr;     // counted; the node that made this tensor (or accumulates a leaf)
  uint32_t output_nr = 0;      // which of that node's outputs this is
  bool requires_grad = false;  // a leaf that wants a gradient, or grad_fn is set
  bool is_view = false;        // shares its storage with the tensor it was taken from
  TensorBase* grad = nullptr;  // counted
  PackedWeight* packed = nullptr;  // counted
  static void destroy(TensorBase* base);
  void leave_graph();  // drops grad_fn and grad
  static constexpr uint32_t kAnyVersion = UINT32_MAX;
  void become_view(const Tensor& of);
  void drop_packed();
  static void* operator new(size_t bytes) { return new_small(bytes); }
  static void operator delete(void* memory, size_t bytes) { delete_small(memory, bytes); }
};

// Memory order of a new dense tensor.
enum class MemoryFormat : uint8_t { kContiguous, kChannelsLast };

// A C++ number beside a tensor. It never widens the tensor's dtype: f32 + 2.5 stays f32, i32 + 1
// stays i32; an integer tensor with a fractional kind of scalar gives f32, as in PyTorch.
struct Scalar {
  Scalar(double v) : value(v), is_floating(true) {}            // NOLINT: implicit
  Scalar(float v) : value(v), is_floating(true) {}             // NOLINT
  Scalar(int v) : value(v), integer(v), is_floating(false) {}  // NOLINT
  Scalar(int64_t v) : value(static_cast<double>(v)), integer(v), is_floating(false) {}  // NOLINT
  Scalar(bool v) : value(v), integer(v), is_floating(false) {}                          // NOLINT
  double value;
  int64_t integer = 0;  // exact when !is_floating
  bool is_floating;
};

// A strided view of typed memory, as in PyTorch: a handle of one pointer; copying shares. Names and
// semantics are PyTorch's; where they differ the comment says so. A default-constructed Tensor is
// undefined: it may only be assigned to, tested and destroyed (else Error).
class Tensor {
 public:
  Tensor() = default;
  // Numbers in row-major order: Tensor::of({1, 2, 3, 4}, {2, 2}). Without a shape: one dimension.
  static Tensor of(std::initializer_list<double> values, std::optional<Shape> shape = {},
                   DType dtype = DType::kF32);

  bool defined() const { return static_cast<bool>(base_); }
  bool is_same(const Tensor& o) const { return base_ == o.base_; }  // the same handle target
  int use_count() const { return base_ ? base_->refs.load(std::memory_order_relaxed) : 0; }

  // ---- the accessors: with the layout functions the only code that sees the private layout
  const Shape& shape() const;
  const Strides& strides() const;  // in elements
  DType dtype() const;
  const Storage& storage() const;
  int64_t storage_offset() const;  // in elements
  int64_t numel() const;
  bool is_contiguous() const;     // row-major without gaps
  bool is_channels_last() const;  // 4-d, channels innermost, without gaps
  bool is_dense() const;          // some order of the dimensions is row-major without gaps
  void* raw_data() const;         // first element; constness is the handle's, not the data's

  int dim() const { return shape().rank(); }
  int64_t size(int64_t d) const;  // negative counts from the end
  template <class T>
  T* data() const {
    if (dtype_of<T> != dtype()) wrong_data_type(dtype_of<T>);
    return static_cast<T*>(raw_data());
  }
  Layout layout() const { return {shape(), strides(), storage_offset()}; }
  uint32_t version() const { return storage().version(); }
  template <class T>
  T item() const {  // the only element, converted; ShapeError if there are more
    return static_cast<T>(item_as_double());
  }
  double item() const { return item_as_double(); }
  int64_t item_as_int() const;  // exact for i64
  std::string str() const;      // as PyTorch prints it

  // ---- autograd
  bool requires_grad() const { return base_ && base_->requires_grad; }
  Tensor& set_requires_grad(bool on = true);  // leaves of floating dtype only (GradError)
  bool is_leaf() const;
  Tensor grad() const;             // undefined until a backward reached this leaf
  void set_grad(const Tensor& g);  // undefined clears
  // Fills .grad of every leaf below. `gradient` defaults to 1 for a scalar.
  void backward(const Tensor& gradient = {}, bool retain_graph = false,
                bool create_graph = false) const;
  Tensor detach() const;  // the same memory outside the graph
  // Called with the gradient of this tensor; a defined result replaces it.
  void register_hook(std::function<Tensor(const Tensor&)> hook) const;
  TensorBase* base() const { return base_.get(); }

  // ---- views (never copy; ops/view.cpp)
  Tensor view(const Shape& shape) const;     // one -1 is inferred; ShapeError if it needs a copy
  Tensor reshape(const Shape& shape) const;  // view, else copy
  Tensor flatten(int64_t start = 0, int64_t end = -1) const;
  Tensor transpose(int64_t a, int64_t b) const;
  Tensor t() const;  // 2-d
  Tensor permute(std::initializer_list<int64_t> dims) const;
  Tensor narrow(int64_t dim, int64_t start, int64_t length) const;
  Tensor slice(int64_t dim, int64_t start, int64_t end, int64_t step = 1) const;  // Python's rules
  Tensor select(int64_t dim, int64_t index) const;
  Tensor operator[](int64_t index) const { return select(0, index); }
  Tensor expand(const Shape& shape) const;  // -1 keeps a size
  Tensor unsqueeze(int64_t dim) const;
  Tensor squeeze() const;
  Tensor squeeze(int64_t dim) const;

  // ---- copies and conversions (ops/copy.cpp)
  Tensor contiguous(MemoryFormat format = MemoryFormat::kContiguous) const;  // itself if it is
  Tensor clone() const;           // dense, keeps a dense order
  Tensor to(DType dtype) const&;  // itself if it has it
  Tensor to(DType dtype) &&;
  Tensor& copy_(const Tensor& source);  // broadcasts, converts
  Tensor& fill_(Scalar value);
  Tensor& zero_() { return fill_(0); }
  // Makes this handle's tensor another one (parameters: dtype conversion, loading). Not recorded.
  void set_data(const Tensor& other);

  // ---- arithmetic and reductions (ops/; the free functions of ops/ops.h under method names)
  Tensor& add_(const Tensor& o, Scalar alpha = 1);
  Tensor& add_(Scalar s);
  Tensor& sub_(const Tensor& o);
  Tensor& mul_(const Tensor& o);
  Tensor& mul_(Scalar s);
  Tensor& div_(const Tensor& o);
  Tensor sum() const;
  Tensor sum(std::initializer_list<int64_t> dims, bool keepdim = false) const;
  Tensor mean() const;
  Tensor mean(std::initializer_list<int64_t> dims, bool keepdim = false) const;
  Tensor matmul(const Tensor& o) const;
  Tensor exp() const;
  Tensor log() const;
  Tensor sqrt() const;
  Tensor relu() const;
  Tensor tanh() const;
  Tensor sigmoid() const;
  Tensor max(int64_t dim, bool keepdim = false) const;
  Tensor argmax(int64_t dim = -1, bool keepdim = false) const;
  Tensor masked_fill(const Tensor& mask, Scalar value) const;
  Tensor index_select(int64_t dim, const Tensor& index) const;
  Tensor gather(int64_t dim, const Tensor& index) const;

 private:
  explicit Tensor(Ref<TensorBase> base) : base_(std::move(base)) {}
  double item_as_double() const;
  TensorBase& checked_base() const;  // Error if undefined
  [[noreturn]] void wrong_data_type(DType asked) const;
  friend Tensor make_tensor(Storage storage, DType dtype, const Layout& layout);
  friend struct TensorImpl;
  // This tensor's place in the graph becomes that of `result`, which holds the same values.
  Tensor& adopt_graph(const Tensor& result);
  friend struct GraphAccess;
  Ref<TensorBase> base_;
};

// A tensor over given storage. The only way tensors come into being.
Tensor make_tensor(Storage storage, DType dtype, const Layout& layout);
// Another layout over the same storage, outside the graph (views record themselves in
// ops/view.cpp).
Tensor alias(const Tensor& x, const Layout& layout);
// The usual case of element-wise operations, in one call: inputs of one dtype and one shape that
// lie in memory in one order without gaps. Gives a new tensor of that shape and order, of the same
// dtype or of `out_dtype`; undefined when the inputs are not so.
struct DenseOperands {
  char* data[6];  // where the result (first) and the inputs begin
  int64_t numel;
  DType dtype;  // of the inputs
};
Tensor dense_result(std::span<const Tensor* const> inputs, std::optional<DType> out_dtype,
                    DenseOperands& operands);
Tensor dense_result(const Tensor& a, const Tensor& b, DenseOperands& operands);

Tensor operator+(const Tensor& a, const Tensor& b);
Tensor operator-(const Tensor& a, const Tensor& b);
Tensor operator*(const Tensor& a, const Tensor& b);
Tensor operator/(const Tensor& a, const Tensor& b);
Tensor operator+(const Tensor& a, Scalar b);
Tensor operator-(const Tensor& a, Scalar b);
Tensor operator*(const Tensor& a, Scalar b);
Tensor operator/(const Tensor& a, Scalar b);
Tensor operator+(Scalar a, const Tensor& b);
Tensor operator-(Scalar a, const Tensor& b);
Tensor operator*(Scalar a, const Tensor& b);
Tensor operator/(Scalar a, const Tensor& b);
Tensor operator-(const Tensor& a);

// ---- creation
Tensor empty(const Shape& shape, DType dtype = DType::kF32,
             MemoryFormat format = MemoryFormat::kContiguous);
Tensor empty_like(const Tensor& x);  // keeps a dense order and the dtype
Tensor empty_like(const Tensor& x, DType dtype);
Tensor zeros(const Shape& shape, DType dtype = DType::kF32);
Tensor ones(const Shape& shape, DType dtype = DType::kF32);
Tensor full(const Shape& shape, Scalar value, DType dtype = DType::kF32);
Tensor arange(int64_t end);  // i64: 0 .. end-1
Tensor arange(double start, double end, double step, DType dtype);
Tensor eye(int64_t n, DType dtype = DType::kF32);
Tensor scalar_tensor(Scalar value, DType dtype = DType::kF32);  // 0-d
template <class T>
Tensor from_vector(const std::vector<T>& values, const Shape& shape);  // copies; sizes must agree

Tensor from_bytes(const void* bytes, const Shape& shape, DType dtype);  // copies numel elements
template <class T>
Tensor from_vector(const std::vector<T>& values, const Shape& shape) {
  if (static_cast<int64_t>(values.size()) != shape.product())
    throw ShapeError("from_vector: " + std::to_string(values.size()) +
                     " values do not fill shape " + shape.str() + ".");
  return from_bytes(values.data(), shape, dtype_of<T>);
}
template <class T>
std::vector<T> to_vector(const Tensor& x) {  // row-major copy; the dtype must be T's
  const Tensor c = x.contiguous();
  const T* p = c.data<T>();
  return std::vector<T>(p, p + c.numel());
}

}  // namespace tinytorch
