// Tasks 2.6 to 2.8, on trees small enough to name every answer by hand.
#include <algorithm>

#include "modules/harness/check.h"
#include "tinytorch/core/memory_stats.h"
#include "tinytorch/nn/module.h"

namespace tinytorch::check {

namespace {

const char* const kOnce =
    "5. A parameter is listed once, under the first path that leads to it, in order of "
    "registration";

std::string texts(const std::vector<std::string>& list) {
  std::string text;
  for (const std::string& each : list) text += (text.empty() ? "" : ", ") + each;
  return "[" + text + "]";
}

struct NameMistake {
  std::vector<std::string> names;
  std::string cause;
};

// Names in order.
void names(const std::string& what, const std::vector<std::string>& got,
           const std::vector<std::string>& expected, const std::vector<NameMistake>& mistakes) {
  if (got == expected) return;
  std::string cause;
  for (const NameMistake& mistake : mistakes)
    if (got == mistake.names && cause.empty()) cause = mistake.cause;
  that(false,
       what + ": expected " + texts(expected) + ", got " + texts(got) + "\ninvariant: " + kOnce,
       cause);
}

std::vector<std::string> parameter_names(const nn::Module& module) {
  std::vector<std::string> list;
  for (const auto& [name, tensor] : module.named_parameters()) list.push_back(name);
  return list;
}

// A module made by hand: y = scale x + shift, with parameters as the tests give them.
class Part : public nn::Module {
 public:
  explicit Part(double scale = 1, double shift = 0) : scale_(scale), shift_(shift) {}
  Tensor forward(const Tensor& x) override {
    ++calls;
    if (fail) throw ShapeError("part: it does not fit.");
    return x * scale_ + shift_;
  }
  const char* kind() const override { return "Part"; }
  int calls = 0;
  bool fail = false;

 private:
  double scale_, shift_;
};

std::shared_ptr<Part> part(double scale, double shift = 0) {
  return std::make_shared<Part>(scale, shift);
}

}  // namespace

// ---- 2.6

TASK_TEST(registration, keeps_parameters_in_order) {
  Part module;
  for (const char* name : {"weight", "bias", "a"}) module.register_parameter(name, zeros({2}));
  names(
      "the parameters after registering weight, bias, a", parameter_names(module),
      {"weight", "bias", "a"},
      {{{}, "nothing is kept"},
       {{"a", "bias", "weight"}, "a new parameter goes to the front: it belongs behind the others"},
       {{"a", "weight", "bias"}, "the names are sorted: the order is that of registration"},
       {{"a"}, "only the last one is kept: a new parameter replaces the others"},
       {{"weight"}, "only the first one is kept"}});
}

TASK_TEST(registration, makes_it_a_leaf_that_wants_a_gradient) {
  Part module;
  const Tensor given = module.register_parameter("weight", ones({3}));
  that(given.defined(), "register_parameter gave back an undefined tensor",
       "it must give back the tensor that it keeps");
  that(given.requires_grad(), "the registered tensor does not require a gradient",
       "set_requires_grad() is missing: without it no optimizer will ever move this parameter");
  that(given.is_leaf(), "the registered tensor is no leaf",
       "it is the result of an operation: the optimizer moves leaves only");
}

TASK_TEST(registration, keeps_the_tensor_itself) {
  Part module;
  const Tensor value = zeros({2});
  const int64_t before = memory_stats().allocations;
  const Tensor given = module.register_parameter("weight", value);
  that(memory_stats().allocations == before, "registering a parameter took new memory",
       "the tensor is copied: a handle is enough");
  that(module.parameters().size() == 1 && module.parameters()[0].is_same(value),
       "the module holds another tensor than the one registered",
       "a copy is kept: the optimizer would move one tensor, forward would read the other");
  that(given.is_same(value), "another tensor is given back than the one registered",
       "a copy is given back: forward would read a tensor that the optimizer never moves");
}

TASK_TEST(registration, keeps_children_in_order) {
  Part module;
  const auto first = part(1), second = part(2);
  module.register_module("z", first);
  module.register_module("a", second);
  std::vector<std::string> got;
  for (const auto& [name, child] : module.children()) got.push_back(name);
  names("the children after registering z, a", got, {"z", "a"},
        {{{}, "the child is not kept"},
         {{"a", "z"}, "a new child goes to the front, or the names are sorted"},
         {{"a"}, "only the last child is kept"}});
  that(module.children()[0].second == first && module.children()[1].second == second,
       "the children stand under each other's names", "the module itself must be kept, not a copy");
}

TASK_TEST(registration, tells_a_child_its_name) {
  Part module;
  const auto child = part(1);
  child->fail = true;
  module.register_module("fc7", child);
  std::string text;
  try {
    (*child)(ones({1}));
  } catch (const ShapeError& error) {
    text = error.what();
  }
  that(text == "part (fc7): it does not fit.", "the error of a child named fc7 says: " + text,
       "module->name_ is not set: the child does not know its name, so no error can say where in "
       "the network it happened");
}

// ---- 2.7

namespace {

// net: weight; a: (weight; deep: weight, bias); b: bias
std::shared_ptr<Part> tree() {
  const auto net = part(1), a = part(1), deep = part(1), b = part(1);
  net->register_parameter("weight", full({1}, 1));
  net->register_module("a", a);
  net->register_module("b", b);
  a->register_parameter("weight", full({1}, 2));
  a->register_module("deep", deep);
  deep->register_parameter("weight", full({1}, 3));
  deep->register_parameter("bias", full({1}, 4));
  b->register_parameter("bias", full({1}, 5));
  return net;
}

}  // namespace

TASK_TEST(tree, names_every_parameter_by_its_path) {
  names("the parameters of net(weight, a(weight, deep(weight, bias)), b(bias))",
        parameter_names(*tree()), {"weight", "a.weight", "a.deep.weight", "a.deep.bias", "b.bias"},
        {{{}, "nothing is listed: the visitor is never called, or its result is dropped"},
         {{"weight"}, "only the module's own: the children are not visited"},
         {{"weight", "a.weight", "b.bias"},
          "only the children are visited, not what lies below them: visit must call itself"},
         {{"weight", "weight", "weight", "bias", "bias"}, "the path is missing in the names"},
         {{"weight", "a.weight", "deep.weight", "deep.bias", "b.bias"},
          "a name has its last module only: a child's path is join(path, name)"},
         {{"a.deep.weight", "a.deep.bias", "a.weight", "b.bias", "weight"},
          "the children come before their parent"},
         {{"weight", "b.bias", "a.weight", "a.deep.weight", "a.deep.bias"},
          "the children come in the wrong order"},
         {{"a.weight", "a.deep.weight", "a.deep.bias", "b.bias"},
          "the module's own parameters are missing"},
         {{".weight", ".a.weight", ".a.deep.weight", ".a.deep.bias", ".b.bias"},
          "an empty path gets a dot: use join()"}});
}

TASK_TEST(tree, gives_the_tensors_of_the_names) {
  std::vector<double> got;
  for (const Tensor& p : tree()->parameters()) got.push_back(p.item());
  values({.what = "the parameters' values of net(1, a(2, deep(3, 4)), b(5))",
          .got = got,
          .expected = {1, 2, 3, 4, 5},
          .invariant = kOnce,
          .mistakes = {{{}, "no parameter is listed"}}});
}

TASK_TEST(tree, visits_every_module_once_parents_first) {
  const auto net = tree();
  for (const auto& [name, child] : net->children()) child->register_buffer("count", zeros({1}));
  net->register_buffer("steps", zeros({1}));
  std::vector<std::string> got;
  for (const auto& [name, tensor] : net->named_buffers()) got.push_back(name);
  names("the buffers, which visit() finds too", got, {"steps", "a.count", "b.count"},
        {{{}, "no module is visited"},
         {{"steps"}, "the children are not visited"},
         {{"a.count", "b.count", "steps"}, "the children come before their parent"},
         {{"a.count", "b.count"}, "the module itself is not visited"},
         {{"steps", "b.count", "a.count"}, "the children come in the wrong order"}});
}

TASK_TEST(tree, lists_a_shared_parameter_once) {
  const auto net = part(1), a = part(1), b = part(1);
  net->register_module("a", a);
  net->register_module("b", b);
  const Tensor shared = a->register_parameter("weight", ones({2}));
  b->register_parameter("head", shared);
  names("the parameters when b.head is a.weight", parameter_names(*net), {"a.weight"},
        {{{"a.weight", "b.head"},
          "a shared tensor is listed twice: the optimizer would move it twice a step"},
         {{"b.head"}, "the last name is kept, not the first"},
         {{}, "a tensor that is shared is not listed at all"}});
  const auto root = part(1);
  root->register_parameter("tied", root->register_parameter("weight", ones({2})));
  names("the parameters when one module has a tensor under two names", parameter_names(*root),
        {"weight"},
        {{{"weight", "tied"},
          "a tensor is listed twice within one module: ask contains() before each, not before each "
          "module"},
         {{"tied"}, "the last name is kept, not the first"}});
}

TASK_TEST(tree, tells_equal_values_from_shared_ones) {
  const auto net = part(1), a = part(1), b = part(1);
  net->register_module("a", a);
  net->register_module("b", b);
  a->register_parameter("weight", ones({2}));
  b->register_parameter("weight", ones({2}));
  names("the parameters of two modules with a weight of ones each", parameter_names(*net),
        {"a.weight", "b.weight"},
        {{{"a.weight"},
          "tensors of the same name, shape or values are taken for one: is_same() tells the tensor "
          "itself"}});
}

TASK_TEST(tree, sets_the_mode_of_every_module) {
  const auto net = tree();
  const nn::Module& a = *net->children()[0].second;
  const nn::Module& deep = *a.children()[0].second;
  const nn::Module& b = *net->children()[1].second;
  const auto modes = [&] {
    std::vector<double> list;
    for (const nn::Module* m : {static_cast<const nn::Module*>(net.get()), &a, &deep, &b})
      list.push_back(m->training() ? 1 : 0);
    return list;
  };
  net->train(false);
  values({.what = "training() of net, a, a.deep, b after net.train(false)",
          .got = modes(),
          .expected = {0, 0, 0, 0},
          .invariant = "the mode of a network is the mode of all its modules",
          .mistakes = {{{1, 1, 1, 1}, "no module's mode is set"},
                       {{0, 1, 1, 1}, "the children keep their mode"},
                       {{0, 0, 1, 0}, "what lies below the children keeps its mode"},
                       {{1, 0, 0, 0}, "the module's own mode is not set"},
                       {{1, 1, 0, 0}, "only the last modules of the tree are set"}}});
  net->train(true);
  values({.what = "training() of net, a, a.deep, b after net.train(true)",
          .got = modes(),
          .expected = {1, 1, 1, 1},
          .invariant = "the mode of a network is the mode of all its modules",
          .mistakes = {{{1, 0, 0, 0}, "the children keep their mode"},
                       {{0, 0, 0, 0}, "train(true) does not bring the training mode back"}}});
}

// ---- 2.8

TASK_TEST(sequential, runs_the_children_in_order) {
  nn::Sequential net{part(2), part(1, 3), part(10)};  // ((2 x) + 3) * 10
  values({.what = "x of 1 and 5 through 2x, x + 3, 10x",
          .got = doubles(to_vector<float>(net.forward(Tensor::of({1, 5})))),
          .expected = {50, 130},
          .invariant = "6. A layer sees the output of the layer before it, and nothing else",
          .mistakes = {{{1, 5}, "x itself is given back: no child runs"},
                       {{2, 10}, "only the first child runs"},
                       {{5, 13}, "the last child is left out"},
                       {{40, 80}, "the first child is left out"},
                       {{10, 50}, "every child gets x; each must get the output of the one before"},
                       {{26, 106}, "the children run in reverse"}}});
}

TASK_TEST(sequential, calls_every_child_once) {
  const auto first = part(2), second = part(3);
  nn::Sequential net{first, second};
  net.forward(ones({1}));
  values({.what = "how often each of two children ran",
          .got = {static_cast<double>(first->calls), static_cast<double>(second->calls)},
          .expected = {1, 1},
          .invariant = "6. A layer sees the output of the layer before it, and nothing else",
          .mistakes = {{{2, 1}, "the first child runs twice"}}});
}

TASK_TEST(sequential, runs_hooks) {
  const auto child = part(2);
  child->register_forward_hook(
      [](nn::Module&, const Tensor&, const Tensor& output) { return output + 100; });
  nn::Sequential net{child};
  values({.what = "1 through 2x with a hook that adds 100",
          .got = doubles(to_vector<float>(net.forward(ones({1})))),
          .expected = {102},
          .invariant = "6. A layer sees the output of the layer before it, and nothing else",
          .mistakes = {{{2},
                        "the child's forward is called directly: calling the child itself, "
                        "(*child)(out), runs its hooks too and tells errors where they are"}}});
}

TASK_TEST(sequential, copies_nothing) {
  nn::Sequential none;
  const Tensor x = ones({4});
  const int64_t before = memory_stats().allocations;
  const Tensor y = none.forward(x);
  that(y.is_same(x) && memory_stats().allocations == before,
       "a Sequential without children gives something else than x",
       "the input is copied: a handle is enough to start with");
}

}  // namespace tinytorch::check
