// The autograd engine: recording, the walk, accumulation, release, recomputation, the check.
#include "tinytorch/core/autograd.h"

#include <algorithm>
#include <atomic>
#include <cmath>

#include "tinytorch/core/format.h"
#include "tinytorch/core/random.h"

namespace tinytorch {

// tito:begin 4.0
// tito:end 4.0

namespace {

thread_local bool t_grad_enabled = true;

// Ends the graph at a tensor that the user made: adds what arrives to the tensor's .grad. The
// tensor owns its node, the node knows its tensor: when the tensor dies, gradients for it go
// nowhere.
class LeafNode final : public Node {
 public:
  static constexpr const char* kName = "leaf";
  explicit LeafNode(TensorBase* owner) : Node(kName, 0, 1), leaf(owner) {}
  void run(GradContext&) override {}
  void release_saved() override {}
  bool differentiable() const override { return true; }
  TensorBase* leaf;
};

bool is_leaf_node(const Node* node) {
  return node->name() == LeafNode::kName;
}

}  // namespace

// What the engine may do with a tensor's place in the graph.
struct GraphAccess {
  static Tensor handle(TensorBase* base) { return Tensor(Ref<TensorBase>(base)); }
  static Node* node_of(const Tensor& t) { return t.base_->grad_fn; }
  // The node that gets t's gradient; a leaf's is made when it is first used.
  static Node* gradient_node(const Tensor& t) {
    TensorBase* base = t.base_.get();
    if (!base->grad_fn) set_node(base, Ref<Node>(new LeafNode(base)), 0);
    return base->grad_fn;
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

bool grad_enabled() {
  return t_grad_enabled;
}
GradMode::GradMode(bool on) : before_(t_grad_enabled) {
  t_grad_enabled = on;
}
GradMode::~GradMode() {
  t_grad_enabled = before_;
}

// ---- nodes and their end

// A node that dies releases its edges, whose nodes may die, and so on through the whole graph. The
// dead queue up instead of nesting, so that a chain of any length needs constant stack.
void destroy_node(Node* node) {
  thread_local Node* queue = nullptr;
  thread_local bool draining = false;
  node->next_dead = queue;
  queue = node;
  if (draining) return;
  draining = true;
  while (queue) {
    Node* next = queue;
    queue = next->next_dead;
    delete next;
  }
  draining = false;
}

TensorBase::TensorBase() = default;
TensorBase::~TensorBase() {
  if (grad_fn) {
    if (is_leaf_node(grad_fn)) static_cast<LeafNode*>(grad_fn)->leaf = nullptr;
    Ref<Node>::adopt(grad_fn);
  }
  if (grad) Ref<TensorBase>::adopt(grad);
}

bool GradContext::needs(int input) const {
  return static_cast<bool>(node_->edges[input].node);
}

Saved Saved::output(const Tensor& out) {
  Saved s;
  s.value_ = alias(out, out.layout());
  s.version_ = out.version();
  s.is_output_ = true;
  return s;
}

Tensor Saved::get(const GradContext& context) const {
  if (!value_.defined()) return value_;
  if (value_.version() != version_)
    raise<GradError>(
        "backward of {}: a saved {} of shape {} was changed in place after it was used (version "
        "{}, "
        "saved at version {}). Hint: use the out-of-place form of the operation that changed it, "
        "or "
        "clone the tensor first.",
        context.node()->name(), is_output_ ? "output" : "input", value_.shape().str(),
        value_.version(), version_);
  if (!is_output_ || !context.create_graph()) return value_;
  Tensor attached = alias(value_, value_.layout());
  GraphAccess::set_node(attached.base(), Ref<Node>(context.node()), 0);
  return attached;
}

void record(Ref<Node> node, std::span<const Tensor* const> inputs,
            std::span<Tensor* const> outputs) {
  // tito:begin 4.1
  for (size_t i = 0; i < inputs.size(); ++i) {
    const Tensor& x = *inputs[i];
    if (!x.requires_grad()) continue;
    Edge& edge = node->edges[static_cast<int>(i)];
    edge.node = Ref<Node>(GraphAccess::gradient_node(x));
    edge.input = x.base()->output_nr;
  }
  for (size_t i = 0; i < outputs.size(); ++i)
    GraphAccess::set_node(outputs[i]->base(), node, static_cast<uint32_t>(i));
  // tito:end 4.1
}

// ---- the walk

namespace {

std::atomic<uint64_t> g_walks{0};

// Every node below the roots, each once, a node before all nodes that its edges lead to: reverse
// post-order of a depth-first search with its own stack. Node::visited holds the number of the walk
// that last met a node, so nothing has to be cleared and no set is needed.
std::vector<Node*> topological_order(std::span<Node* const> roots) {
  // tito:begin 4.2
  const uint64_t walk = g_walks.fetch_add(1) + 1;
  struct Frame {
    Node* node;
    int next_edge;
  };
  std::vector<Frame> stack;
  std::vector<Node*> order;
  for (Node* root : roots) {
    if (root->visited == walk) continue;
    root->visited = walk;
    stack.push_back({root, 0});
    while (!stack.empty()) {
      Frame& top = stack.back();
      if (top.next_edge == top.node->edges.size()) {
        order.push_back(top.node);
        stack.pop_back();
        continue;
      }
      Node* child = top.node->edges[top.next_edge++].node.get();
      if (!child || child->visited == walk) continue;
      child->visited = walk;
      stack.push_back({child, 0});
    }
  }
  std::reverse(order.begin(), order.end());
  return order;
  // tito:end 4.2
}

// Adds g to what has arrived in `slot`. The first gradient is taken over; a later one is added in
// place when nobody else can see the memory.
void add_gradient(Tensor& slot, Tensor g, bool create_graph) {
  // tito:begin 4.3
  if (!slot.defined()) {
    slot = std::move(g);
  } else if (!create_graph && slot.use_count() == 1 && slot.storage().use_count() == 1 &&
             slot.is_dense()) {
    slot.add_(g);
  } else {
    slot = slot + g;
  }
  // tito:end 4.3
}

void accumulate_leaf(TensorBase* leaf, Tensor g, bool create_graph) {
  const Tensor x = GraphAccess::handle(leaf);
  if (leaf->grad) {
    Tensor sum = GraphAccess::handle(leaf->grad);
    if (create_graph || sum.requires_grad())
      GraphAccess::set_grad(leaf, sum + g);
    else
      sum.add_(g);
    return;
  }
  const bool own = g.use_count() == 1 && g.storage().use_count() == 1;
  const bool same_layout = g.strides() == x.strides() && g.is_dense();
  if (!create_graph && !(own && same_layout)) {
    Tensor copy = empty_like(x);
    copy.copy_(g);
    g = std::move(copy);
  }
  GraphAccess::set_grad(leaf, std::move(g));
}

struct Capture {
  Node* node;
  uint32_t output;
  Tensor* into;
};

void run_hooks(Node* node) {
  for (auto& [output, hook] : node->hooks) {
    if (!node->grads[static_cast<int>(output)].defined()) continue;
    Tensor changed = hook(node->grads[static_cast<int>(output)]);
    if (changed.defined()) node->grads[static_cast<int>(output)] = std::move(changed);
  }
}

void check_runnable(const Node* node, bool create_graph) {
  if (node->released)
    raise<GradError>(
        "backward: the graph of {} was already used and its saved values are gone. Hint: call "
        "backward(gradient, retain_graph = true) the first time, or run the forward again.",
        node->name());
  if (create_graph && !node->differentiable())
    raise<GradError>("backward with create_graph: the gradient of {} has no gradient itself.",
                     node->name());
}

// Runs one node: its gradients go out over its edges, then its saved values are dropped and their
// memory serves the nodes to come.
void run_node(Node* node, bool retain_graph, bool create_graph) {
  check_runnable(node, create_graph);
  Few<Tensor, 3> results(node->edges.size());
  GradContext context(node, node->grads.data(), results.data(), create_graph);
  node->run(context);
  // tito:begin 4.4
  for (Tensor& g : node->grads) g = Tensor();
  if (!retain_graph) node->release_saved();
  // tito:end 4.4
  for (int i = 0; i < results.size(); ++i) {
    const Edge& edge = node->edges[i];
    if (edge.node && results[i].defined())
      add_gradient(edge.node->grads[static_cast<int>(edge.input)], std::move(results[i]),
                   create_graph);
  }
}

bool any_gradient(const Node* node) {
  for (const Tensor& g : node->grads)
    if (g.defined()) return true;
  return false;
}

// The whole backward pass. `captures` (of grad()) receive the gradients that arrive at their nodes;
// with captures no leaf's .grad is touched.
void run_backward(std::span<Node* const> roots, bool retain_graph, bool create_graph,
                  std::span<const Capture> captures, bool accumulate) {
  const GradMode mode(create_graph);
  const std::vector<Node*> order = topological_order(roots);
  try {
    for (Node* node : order) {
      if (!any_gradient(node)) continue;
      if (!node->hooks.empty()) run_hooks(node);
      for (const Capture& c : captures)
        if (c.node == node) *c.into = node->grads[static_cast<int>(c.output)];
      if (!is_leaf_node(node)) {
        run_node(node, retain_graph, create_graph);
        continue;
      }
      Tensor g = std::move(node->grads[0]);
      TensorBase* leaf = static_cast<LeafNode*>(node)->leaf;
      if (accumulate && leaf) accumulate_leaf(leaf, std::move(g), create_graph);
    }
  } catch (...) {
    for (Node* node : order)
      for (Tensor& g : node->grads) g = Tensor();
    throw;
  }
}

// The gradient that starts a walk at `root`.
Tensor root_gradient(const Tensor& root, const Tensor& given) {
  if (!root.requires_grad())
    raise<GradError>(
        "backward: this tensor of shape {} has no graph. Hint: some input must require a gradient, "
        "and grad mode must be on.",
        root.shape().str());
  if (given.defined()) {
    if (given.shape() != root.shape())
      raise<ShapeError>("backward: gradient {} does not fit the tensor {}.", given.shape().str(),
                        root.shape().str());
    return given;
  }
  if (root.numel() != 1)
    raise<GradError>(
        "backward: a tensor of shape {} needs a gradient of that shape; only a scalar starts with "
        "1. Hint: reduce it first, for example with sum() or mean().",
        root.shape().str());
  return full(root.shape(), 1, root.dtype());
}

}  // namespace

void Tensor::backward(const Tensor& gradient, bool retain_graph, bool create_graph) const {
  Tensor start = root_gradient(*this, gradient);
  Node* root = GraphAccess::gradient_node(*this);
  const Ref<Node> keep(root);
  add_gradient(root->grads[static_cast<int>(base_->output_nr)], std::move(start), create_graph);
  run_backward({&root, 1}, retain_graph || create_graph, create_graph, {}, true);
}

std::vector<Tensor> grad(const std::vector<Tensor>& outputs, const std::vector<Tensor>& inputs,
                         const std::vector<Tensor>& gradients, bool retain_graph,
                         bool create_graph) {
  std::vector<Tensor> results(inputs.size());
  std::vector<Capture> captures;
  for (size_t i = 0; i < inputs.size(); ++i) {
    if (!inputs[i].requires_grad())
      raise<GradError>("grad: input {} of shape {} does not require a gradient.", i,
                       inputs[i].shape().str());
    captures.push_back(
        {GraphAccess::gradient_node(inputs[i]), inputs[i].base()->output_nr, &results[i]});
  }
  std::vector<Tensor> starts;
  for (size_t i = 0; i < outputs.size(); ++i)
    starts.push_back(root_gradient(outputs[i], i < gradients.size() ? gradients[i] : Tensor()));
  std::vector<Node*> roots;
  for (size_t i = 0; i < outputs.size(); ++i) {
    roots.push_back(GraphAccess::gradient_node(outputs[i]));
    add_gradient(roots.back()->grads[static_cast<int>(outputs[i].base()->output_nr)], starts[i],
                 create_graph);
  }
  run_backward(roots, retain_graph || create_graph, create_graph, captures, false);
  return results;
}

// ---- a tensor's place in the graph

bool Tensor::is_leaf() const {
  return !base_->requires_grad || !base_->grad_fn || is_leaf_node(base_->grad_fn);
}

Tensor& Tensor::set_requires_grad(bool on) {
  if (!is_leaf())
    raise<GradError>(
        "set_requires_grad: this tensor of shape {} is the result of {}, not a leaf. Hint: "
        "detach() "
        "it first.",
        shape().str(), base_->grad_fn->name());
  if (on && !is_floating(dtype()))
    raise<GradError>(
        "set_requires_grad: a tensor of dtype {} has no gradient. Hint: to(DType::kF32).",
        dtype_name(dtype()));
  base_->requires_grad = on;
  return *this;
}

Tensor Tensor::grad() const {
  return base_->grad ? GraphAccess::handle(base_->grad) : Tensor();
}

void Tensor::set_grad(const Tensor& g) {
  if (g.defined() && (g.shape() != shape() || g.dtype() != dtype()))
    raise<ShapeError>("set_grad: a gradient {} {} does not fit the tensor {} {}.",
                      dtype_name(g.dtype()), g.shape().str(), dtype_name(dtype()), shape().str());
  GraphAccess::set_grad(base_.get(), g);
}

Tensor& Tensor::adopt_graph(const Tensor& result) {
  GraphAccess::set_node(base_.get(), Ref<Node>(GraphAccess::node_of(result)),
                        result.base_->output_nr);
  return *this;
}

Tensor Tensor::detach() const {
  return alias(*this, layout());
}

void Tensor::register_hook(std::function<Tensor(const Tensor&)> hook) const {
  if (!requires_grad())
    raise<GradError>("register_hook: this tensor of shape {} requires no gradient.", shape().str());
  GraphAccess::gradient_node(*this)->hooks.emplace_back(base_->output_nr, std::move(hook));
}

void begin_in_place(const Tensor& x, const char* op) {
  if (grad_enabled() && x.requires_grad()) {
    if (x.is_leaf())
      raise<GradError>(
          "{}: a leaf of shape {} that requires a gradient cannot be changed in place. Hint: do it "
          "under NoGrad (as optimizers do), or use the out-of-place form.",
          op, x.shape().str());
    if (x.base()->is_view)
      raise<GradError>(
          "{}: a view of shape {} whose base is part of a graph cannot be changed in place. Hint: "
          "use the out-of-place form, or clone() first.",
          op, x.shape().str());
  }
  x.storage().bump_version();
}

// ---- recomputation

Tensor checkpoint(const std::function<Tensor(const Tensor&)>& fn, const Tensor& x) {
  if (!grad_enabled()) return fn(x);
  // tito:begin 4.5
  const auto state = default_generator().state();
  Tensor out;
  {
    const NoGrad no_grad;
    out = fn(x);
  }
  if (out.is_same(x)) return out;
  set_gradient("checkpoint", out, {&x}, [fn, state, saved = Saved(x)](GradContext& c) {
    const auto now = default_generator().state();
    default_generator().set_state(state);
    Tensor input = saved.get(c).detach();
    if (c.needs(0)) input.set_requires_grad();
    Tensor again;
    {
      const GradMode record_again(true);
      again = fn(input);
    }
    default_generator().set_state(now);
    if (again.requires_grad()) again.backward(c.grad());
    if (c.needs(0)) c.set(0, input.grad());
  });
  return out;
  // tito:end 4.5
}

// ---- the check

namespace {

// Fixed weights in [0.5, 1.5) that make every output element count differently.
double check_weight(int64_t i) {
  return 0.5 + static_cast<double>((i * 2654435761LL) % 1000) / 1000;
}

double weighted_sum(const Tensor& out) {
  const Tensor dense = out.to(DType::kF64).contiguous();
  const double* p = dense.data<double>();
  double sum = 0;
  for (int64_t i = 0; i < dense.numel(); ++i) sum += p[i] * check_weight(i);
  return sum;
}

}  // namespace

GradCheck grad_check(const std::function<Tensor(const std::vector<Tensor>&)>& fn,
                     const std::vector<Tensor>& inputs, double step, double tolerance) {
  const Tensor out = fn(inputs);
  Tensor weights = zeros(out.shape(), out.dtype());
  for (int64_t i = 0; i < out.numel(); ++i) weights.data<double>()[i] = check_weight(i);
  std::vector<Tensor> wanted;
  for (const Tensor& x : inputs)
    if (x.requires_grad()) wanted.push_back(x);
  const std::vector<Tensor> analytic = grad({out}, wanted, {weights});
  GradCheck result;
  const NoGrad no_grad;
  // tito:begin 4.6
  for (size_t k = 0; k < wanted.size(); ++k) {
    const Tensor g =
        analytic[k].defined() ? analytic[k].contiguous() : zeros(wanted[k].shape(), DType::kF64);
    const int64_t n = wanted[k].numel();
    std::vector<int64_t> index(static_cast<size_t>(wanted[k].dim()), 0);
    double* memory = static_cast<double*>(wanted[k].storage().data());
    for (int64_t i = 0; i < n; ++i) {
      double& x = memory[offset_of(wanted[k].layout(), index)];
      const double before = x;
      x = before + step;
      const double above = weighted_sum(fn(inputs));
      x = before - step;
      const double below = weighted_sum(fn(inputs));
      x = before;
      const double numeric = (above - below) / (2 * step);
      const double error = std::abs(g.data<double>()[i] - numeric) / (1 + std::abs(numeric));
      if (!(error <= result.worst)) result.worst = error;
      if (!(error <= tolerance) && result.ok) {
        result.ok = false;
        result.message = fmt::format("input {} at {}: gradient {:.10g}, central difference {:.10g}",
                                     k, fmt::join(index, ", "), g.data<double>()[i], numeric);
      }
      for (int d = wanted[k].dim() - 1; d >= 0; --d) {  // the next index in row-major order
        if (++index[static_cast<size_t>(d)] < wanted[k].shape()[d]) break;
        index[static_cast<size_t>(d)] = 0;
      }
    }
  }
  return result;
  // tito:end 4.6
}

}  // namespace tinytorch
