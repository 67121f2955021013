#pragma once
// What the files of autograd share: core/autograd.cpp (the walk), graph.cpp (a tensor's place in
// the graph), checkpoint.cpp, grad_check.cpp.
#include "tinytorch/core/autograd.h"

namespace tinytorch {

// Ends the graph at a tensor that the user made: adds what arrives to the tensor's .grad. The
// tensor owns its node, the node knows its tensor: when the tensor dies, gradients for it go
// nowhere.
class LeafNode final : public Node {
 public:
  static constexpr char kName[] = "leaf";  // its address tells leaves apart
  explicit LeafNode(TensorBase* owner) : Node(kName, 0, 1), leaf(owner) {}
  void run(GradContext&) override {}
  void release_saved() override {}
  bool differentiable() const override { return true; }
  TensorBase* leaf;
};

inline bool is_leaf_node(const Node* node) {
  return node->name() == LeafNode::kName;
}

// What the engine may do with a tensor's place in the graph.
struct GraphAccess {
  static Tensor handle(TensorBase* base) { return Tensor(Ref<TensorBase>(base)); }
  static Node* node_of(const Tensor& t) { return t.base_->grad_fn; }
  // The node that gets t's gradient; a leaf's is made when it is first used. GradError for a view
  // whose base has got another node since.
  static Node* gradient_node(const Tensor& t) {
    TensorBase* base = t.base_.get();
    if (base->is_view) [[unlikely]]
      check_view(t);
    if (!base->grad_fn) make_leaf_node(base);
    return base->grad_fn;
  }
  static void check_view(const Tensor& t);
  [[gnu::noinline]] static void make_leaf_node(TensorBase* base) {
    set_node(base, Ref<Node>(new LeafNode(base)), 0);
  }
  static void set_node(TensorBase* base, Ref<Node> node, uint32_t output_nr) {
    Node* old = base->grad_fn;
    base->grad_fn = node.detach();
    base->output_nr = output_nr;
    base->requires_grad = true;
    if (old) Ref<Node>::adopt(old);
  }
  static void set_grad(TensorBase* base, Tensor g) {
    TensorBase* old = base->grad;
    base->grad = g.base_.detach();
    if (old) Ref<TensorBase>::adopt(old);
  }
};

// Call before `value`, which requires a gradient, is added or otherwise written in place to x by
// `op` and recorded. GradError for a view of memory that others hold: they would not get into the
// graph.
void begin_recorded_write(const Tensor& x, const Tensor& value, const char* op);

}  // namespace tinytorch
