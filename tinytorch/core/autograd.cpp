// The autograd engine: recording, the walk, accumulation, release, recomputation, the check.
#include <algorithm>
#include <atomic>
#include <cstring>
#include <unordered_set>

#include "tinytorch/core/autograd_impl.h"
#include "tinytorch/core/format.h"

namespace tinytorch {

// tito:begin 4.0
// tito:end 4.0

thread_local constinit bool t_grad_enabled = true;

GradMode::GradMode(bool on) : before_(t_grad_enabled) {
  t_grad_enabled = on;
}
GradMode::~GradMode() {
  t_grad_enabled = before_;
}

// ---- nodes and their end

// A node that dies releases its edges, whose nodes may die, and so on through the whole graph. The
// dead queue up instead of nesting, so that a chain of any length needs constant stack.
struct DeadNodes {
  Node* first;
  bool draining;
};
static thread_local constinit DeadNodes t_dead{};

[[gnu::noinline]] void destroy_node(Node* node) {
  if (!node) __builtin_unreachable();  // Ref asked
  DeadNodes& dead = t_dead;
  if (dead.draining) {
    node->next_dead = dead.first;
    dead.first = node;
    return;
  }
  dead.draining = true;
  do {
    delete node;
    node = dead.first;
    if (node) dead.first = node->next_dead;
  } while (node);
  dead.draining = false;
}

void TensorBase::leave_graph() {
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

void record(const Ref<Node>& node, std::span<const Tensor* const> inputs,
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
    if (create_graph || sum.requires_grad() || !sum.is_dense())  // such as an expanded one
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
    Tensor& gradient = node->grads[static_cast<int>(output)];
    if (!gradient.defined()) continue;
    Tensor changed = hook(gradient);
    if (!changed.defined()) continue;
    if (changed.shape() != gradient.shape() || changed.dtype() != gradient.dtype())
      raise<ShapeError>("a hook was given a gradient {} {} and gave {} {}; both must be the same.",
                        dtype_name(gradient.dtype()), gradient.shape().str(),
                        dtype_name(changed.dtype()), changed.shape().str());
    gradient = std::move(changed);
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
  // tito:begin 4.4
  node->run(context);
  for (Tensor& g : node->grads) g = Tensor();
  if (!retain_graph) node->release_saved();
  for (int i = 0; i < results.size(); ++i) {
    const Edge& edge = node->edges[i];
    if (edge.node && results[i].defined())
      add_gradient(edge.node->grads[static_cast<int>(edge.input)], std::move(results[i]),
                   create_graph);
  }
  // tito:end 4.4
}

bool any_gradient(const Node* node) {
  for (const Tensor& g : node->grads)
    if (g.defined()) return true;
  return false;
}

void drop_gradients(Node* node) {
  for (Tensor& g : node->grads) g = Tensor();
}

// The whole backward pass to the leaves' .grad.
void run_backward(Node* root, bool retain_graph, bool create_graph) {
  const GradMode mode(create_graph);
  const std::vector<Node*> order = topological_order({&root, 1});
  try {
    for (Node* node : order) {
      if (!any_gradient(node)) continue;
      if (!node->hooks.empty()) run_hooks(node);
      if (!is_leaf_node(node)) {
        run_node(node, retain_graph, create_graph);
        continue;
      }
      Tensor g = std::move(node->grads[0]);
      if (TensorBase* leaf = static_cast<LeafNode*>(node)->leaf)
        accumulate_leaf(leaf, std::move(g), create_graph);
    }
  } catch (...) {
    for (Node* node : order) drop_gradients(node);
    throw;
  }
}

// A checkpoint goes backward through its second run, to the .grad of what its function uses: grad()
// must not touch these, and would find nothing for a leaf that only the function uses.
void refuse_checkpoints(const std::vector<Node*>& order, std::span<const Capture> captures,
                        const std::unordered_set<const Node*>& above) {
  const auto may_be_inside = [&](const Capture& c) {
    return is_leaf_node(c.node) && std::find(order.begin(), order.end(), c.node) == order.end();
  };
  for (const Node* node : order)
    if (std::strcmp(node->name(), "checkpoint") == 0 &&
        (above.count(node) || std::any_of(captures.begin(), captures.end(), may_be_inside)))
      raise<GradError>(
          "grad: there is a checkpoint in the graph, whose backward adds to the .grad of all that "
          "its function uses. Hint: use backward(), or call the function without checkpoint.");
}

// The backward pass of grad(): `captures` receive the gradients that arrive at their nodes, no
// leaf's .grad is touched, and only nodes on a way to a capture run. (So a formula that runs while
// another walk is under way can call grad() on a graph of its own that ends at its inputs.)
void run_captures(std::span<Node* const> roots, bool retain_graph, bool create_graph,
                  std::span<const Capture> captures) {
  const GradMode mode(create_graph);
  const std::vector<Node*> order = topological_order(roots);
  std::unordered_set<const Node*> captured, above;  // above: has a captured node below it
  for (const Capture& c : captures) captured.insert(c.node);
  for (size_t i = order.size(); i-- > 0;)
    for (const Edge& edge : order[i]->edges)
      if (captured.count(edge.node.get()) || above.count(edge.node.get())) above.insert(order[i]);
  const auto is_part = [&](const Node* node) { return captured.count(node) || above.count(node); };
  std::vector<Node*> begun(roots.begin(), roots.end());  // where gradients of this walk may lie
  const auto clean_up = [&] {
    for (Node* node : begun) drop_gradients(node);
  };
  try {
    refuse_checkpoints(order, captures, above);
    for (Node* node : order) {
      if (!is_part(node) || !any_gradient(node)) continue;
      begun.push_back(node);
      if (!node->hooks.empty()) run_hooks(node);
      for (const Capture& c : captures)
        if (c.node == node) *c.into = node->grads[static_cast<int>(c.output)];
      if (!above.count(node)) continue;
      for (const Edge& edge : node->edges)
        if (edge.node) begun.push_back(edge.node.get());
      run_node(node, retain_graph, create_graph);
    }
  } catch (...) {
    clean_up();
    throw;
  }
  clean_up();
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
    return given.to(root.dtype());
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
  run_backward(root, retain_graph || create_graph, create_graph);
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
  starts.reserve(outputs.size());
  for (size_t i = 0; i < outputs.size(); ++i)
    starts.push_back(root_gradient(outputs[i], i < gradients.size() ? gradients[i] : Tensor()));
  std::vector<Node*> roots;  // all of them before the first gets a gradient that would stay there
  roots.reserve(outputs.size());
  for (const Tensor& output : outputs) roots.push_back(GraphAccess::gradient_node(output));
  for (size_t i = 0; i < outputs.size(); ++i) {
    add_gradient(roots[i]->grads[static_cast<int>(outputs[i].base()->output_nr)], starts[i],
                 create_graph);
  }
  run_captures(roots, retain_graph || create_graph, create_graph, captures);
  return results;
}

}  // namespace tinytorch
