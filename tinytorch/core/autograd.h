#pragma once
#include <functional>
#include <initializer_list>
#include <memory>
#include <new>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "tinytorch/core/tensor.h"

namespace tinytorch {

// Reverse-mode differentiation. While grad mode is on, an operation with an input that requires a
// gradient records a Node: its edges (which node gets the gradient of each input) stand apart from
// its saved values (what the formula needs). backward() walks the nodes in topological order, each
// once, without recursion, and drops a node's saved values as soon as it has run, so memory falls
// during backward. A graph is walked by one thread at a time.

extern thread_local constinit bool t_grad_enabled;
inline bool grad_enabled() {  // of this thread
  return t_grad_enabled;
}
class GradMode {  // scoped; restores on exit
 public:
  explicit GradMode(bool on);
  ~GradMode();
  GradMode(const GradMode&) = delete;
  GradMode& operator=(const GradMode&) = delete;

 private:
  bool before_;
};
struct NoGrad : GradMode {
  NoGrad() : GradMode(false) {}
};

// Small array: up to N elements live inside the object.
template <class T, int N>
class Few {
 public:
  [[gnu::always_inline]] explicit Few(int n) : size_(n), data_(inside_) {
#pragma GCC unroll 4
    for (int i = 0; i < N; ++i) new (inside_ + i) T();
    if (n > N) [[unlikely]]
      move_out();
  }
  [[gnu::always_inline]] ~Few() {
#pragma GCC unroll 4
    for (int i = 0; i < N; ++i) inside_[i].~T();
    if (size_ > N) [[unlikely]]
      drop();
  }
  Few(const Few&) = delete;
  Few& operator=(const Few&) = delete;
  int size() const { return size_; }
  T& operator[](int i) { return data_[i]; }
  const T& operator[](int i) const { return data_[i]; }
  T* data() { return data_; }
  const T* data() const { return data_; }
  T* begin() { return data_; }
  T* end() { return data_ + size_; }
  const T* begin() const { return data_; }
  const T* end() const { return data_ + size_; }

 private:
  [[gnu::noinline]] void move_out() { data_ = new T[static_cast<size_t>(size_)]; }
  [[gnu::noinline]] void drop() { delete[] data_; }
  int size_;
  T* data_;
  union {  // built and ended one by one: a loop over an array would be most of the cost
    T inside_[N];
  };
};

// Functions that see a gradient on its way and may replace it. Few nodes have any.
class GradHooks {
 public:
  using Hook = std::pair<uint32_t, std::function<Tensor(const Tensor&)>>;  // of which output
  GradHooks() = default;
  ~GradHooks() {
    if (list_) [[unlikely]]
      drop();
  }
  GradHooks(const GradHooks&) = delete;
  GradHooks& operator=(const GradHooks&) = delete;
  bool empty() const { return !list_; }
  void emplace_back(uint32_t output, std::function<Tensor(const Tensor&)> hook) {
    if (!list_) list_ = new std::vector<Hook>;
    list_->emplace_back(output, std::move(hook));
  }
  Hook* begin() { return list_ ? list_->data() : nullptr; }
  Hook* end() { return list_ ? list_->data() + list_->size() : nullptr; }

 private:
  [[gnu::noinline]] void drop() { delete list_; }
  std::vector<Hook>* list_ = nullptr;
};

struct Edge {
  Ref<Node> node;      // null: this input wants no gradient
  uint64_t input = 0;  // which output of that node the gradient belongs to
};

// What a gradient formula sees while it runs.
class GradContext {
 public:
  GradContext(Node* node, Tensor* grads, Tensor* results, bool create_graph)
      : node_(node), grads_(grads), results_(results), create_graph_(create_graph) {}
  const Tensor& grad(int output = 0) const { return grads_[output]; }  // undefined: zero
  bool needs(int input) const;  // whether input i wants its gradient
  void set(int input, Tensor g) { results_[input] = std::move(g); }
  bool create_graph() const { return create_graph_; }
  Node* node() const { return node_; }
  Tensor take_grad(int output = 0) { return std::move(grads_[output]); }  // to change in place

 private:
  Node* node_;
  Tensor* grads_;
  Tensor* results_;
  bool create_graph_;
};

class Node : public RefCounted {
 public:
  [[gnu::always_inline]] Node(const char* name, int inputs, int outputs)
      : edges(inputs), grads(outputs), name_(name) {}
  virtual ~Node() = default;
  static void destroy(Node* node) { destroy_node(node); }
  static void* operator new(size_t bytes) { return new_small(bytes); }
  static void operator delete(void* memory, size_t bytes) { delete_small(memory, bytes); }

  const char* name() const { return name_; }
  virtual void run(GradContext& context) = 0;  // gradients of the inputs from those of the outputs
  virtual void release_saved() = 0;
  virtual bool differentiable() const { return false; }  // may run with create_graph

  Few<Edge, 3> edges;
  Few<Tensor, 1> grads;  // gradients of the outputs, as they arrive
  GradHooks hooks;
  uint64_t visited = 0;       // the walk that last met this node
  Node* next_dead = nullptr;  // queue of destroy_node
  bool released = false;

 private:
  const char* name_;
};

// A value kept for the gradient. Reading it after an in-place change raises GradError with the
// operation, the shape and both versions.
class Saved {
 public:
  Saved() = default;
  // An input: the handle itself is kept.
  explicit Saved(const Tensor& input)
      : value_(input), version_(input.defined() ? input.version() : 0) {}
  // The operation's own output: kept without its place in the graph (else node and output would
  // own each other); get() puts it back when a graph is being created.
  static Saved output(const Tensor& out);
  Tensor get(const GradContext& context) const;
  bool defined() const { return value_.defined(); }

 private:
  Tensor value_;
  uint32_t version_ = 0;
  bool is_output_ = false;
};

// Whether an operation on these tensors has to be recorded.
inline bool needs_grad(std::initializer_list<const Tensor*> inputs) {
  for (const Tensor* t : inputs)
    if (t->requires_grad()) return grad_enabled();
  return false;
}
template <class... T>
bool needs_grad(const T&... inputs) {
  return (inputs.requires_grad() || ...) && grad_enabled();
}

// Ties `out` to `node`: fills the node's edges from the inputs (module 4's first task).
void record(const Ref<Node>& node, std::span<const Tensor* const> inputs,
            std::span<Tensor* const> outputs);

template <class F>
class FormulaNode final : public Node {
 public:
  template <class G>
  FormulaNode(const char* name, int inputs, int outputs, bool composed, G&& formula)
      : Node(name, inputs, outputs), formula_(std::forward<G>(formula)), composed_(composed) {}
  void run(GradContext& context) override { (*formula_)(context); }
  void release_saved() override {
    formula_.reset();
    released = true;
  }
  bool differentiable() const override { return composed_; }

 private:
  std::optional<F> formula_;
  bool composed_;
};

// Records `out = name(inputs...)` with its gradient formula, void(GradContext&), whose captures are
// what the operation saves. Call it only when needs_grad(inputs...).
//   if (needs_grad(a, b))
//     set_gradient("mul", out, {&a, &b}, [a = Saved(a), b = Saved(b)](GradContext& c) { ... });
// kComposed: the formula uses differentiable operations only, so a second backward works.
enum class Formula : bool { kKernel, kComposed };
template <class F>
void set_gradient(const char* name, std::span<Tensor* const> outputs,
                  std::span<const Tensor* const> inputs, F&& formula,
                  Formula kind = Formula::kKernel) {
  auto* node = new FormulaNode<std::remove_cvref_t<F>>(
      name, static_cast<int>(inputs.size()), static_cast<int>(outputs.size()),
      kind == Formula::kComposed, std::forward<F>(formula));
  node->refs.store(1, std::memory_order_relaxed);
  Ref<Node> handle = Ref<Node>::adopt(node);
  record(handle, inputs, outputs);
  handle.reset_unshared();
}
template <class F>
void set_gradient(const char* name, Tensor& out, std::initializer_list<const Tensor*> inputs,
                  F&& formula, Formula kind = Formula::kKernel) {
  Tensor* outputs[] = {&out};
  set_gradient(name, std::span<Tensor* const>(outputs),
               std::span<const Tensor* const>(inputs.begin(), inputs.size()),
               std::forward<F>(formula), kind);
}

// Call before an in-place change of x by `op` that reads `source`, if defined: GradError for a leaf
// that requires a gradient (while grad mode is on) and for a view of such a tensor; ShapeError
// where the order of the writes would decide the result: elements of x that lie in one place
// (expanded; also in fill_, unlike PyTorch) or a source in x's memory, unless it is x itself. Then
// counts the version up.
void begin_in_place(const Tensor& x, const char* op, const Tensor& source = {});

// Gradients of sum(outputs * gradients) with respect to `inputs`, without touching any .grad. An
// input that was not used: undefined. GradError where a checkpoint lies on the way: its backward
// fills .grad.
std::vector<Tensor> grad(const std::vector<Tensor>& outputs, const std::vector<Tensor>& inputs,
                         const std::vector<Tensor>& gradients = {}, bool retain_graph = false,
                         bool create_graph = false);

// fn(x) whose inner values are not kept: backward runs fn again. fn must be deterministic apart
// from the default generator, whose state is put back for the second run. Source: Chen et al. 2016.
Tensor checkpoint(const std::function<Tensor(const Tensor&)>& fn, const Tensor& x);

// Compares the gradient of sum(fn(inputs) * w), w fixed pseudo-random weights, with central
// differences. Inputs are f64; those that require no gradient are left out.
struct GradCheck {
  bool ok = true;
  double worst = 0;     // largest |analytic - numeric| / (1 + |numeric|)
  std::string message;  // input, index, both values; empty when ok
};
GradCheck grad_check(const std::function<Tensor(const std::vector<Tensor>&)>& fn,
                     const std::vector<Tensor>& inputs, double step = 1e-6,
                     double tolerance = 1e-6);

}  // namespace tinytorch
