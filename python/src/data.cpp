// Data sets, the loader and safetensors, for tinytorch.data: module tinytorch._C.data.
#include "python/src/binding.h"
#include "tinytorch/core/dataloader.h"
#include "tinytorch/data/datasets.h"
#include "tinytorch/data/npy.h"
#include "tinytorch/data/npz.h"
#include "tinytorch/data/safetensors.h"

namespace tinytorch::python {

namespace {

using DatasetRef = std::shared_ptr<const Dataset>;

// The loader's threads may need the interpreter (an array's memory that ends), so nobody waits for
// them while holding it.
struct Loader {
  Loader(DatasetRef dataset, const LoaderOptions& options)
      : loader(std::make_unique<DataLoader>(std::move(dataset), options)) {}
  ~Loader() {
    const py::gil_scoped_release release;
    loader.reset();
  }
  std::unique_ptr<DataLoader> loader;
};

py::object next_batch(Loader& self) {
  const Batch* batch = nullptr;
  {
    const py::gil_scoped_release release;
    batch = self.loader->next();
  }
  return batch ? py::object(py::make_tuple(batch->x, batch->y)) : py::none();
}

// Rows of two tensors, each in its own dtype, as the tensors' rows have it.
class Rows final : public Dataset {
 public:
  Rows(const Tensor& x, const Tensor& y) : rows_(x, y), x_dtype_(x.dtype()), y_dtype_(y.dtype()) {}
  int64_t size() const override { return rows_.size(); }
  Shape x_shape() const override { return rows_.x_shape(); }
  Shape y_shape() const override { return rows_.y_shape(); }
  DType x_dtype(DType) const override { return x_dtype_; }
  DType y_dtype(DType) const override { return y_dtype_; }
  void fill(std::span<const int64_t> indices, const Tensor& x, const Tensor& y) const override {
    rows_.fill(indices, x, y);
  }

 private:
  TensorDataset rows_;
  DType x_dtype_, y_dtype_;
};

// Sample i as the loader would put it into a batch.
std::pair<Tensor, Tensor> sample_of(const Dataset& d, int64_t i, DType wanted) {
  const int64_t n = d.size();
  if (i < -n || i >= n)
    throw IndexError("dataset: sample " + std::to_string(i) + " of " + std::to_string(n) + ".");
  if (i < 0) i += n;
  Shape xs = d.x_shape(), ys = d.y_shape();
  xs.insert(0, 1);
  ys.insert(0, 1);
  const Tensor x = zeros(xs, d.x_dtype(wanted)), y = zeros(ys, d.y_dtype(wanted));
  d.fill({&i, 1}, x, y);
  return {x[0], y[0]};
}

void bind_loading(py::module_& m) {
  py::class_<Dataset, std::shared_ptr<Dataset>>(m, "Dataset")
      .def("__len__", &Dataset::size)
      .def("x_shape", [](const Dataset& d) { return tuple_from(d.x_shape()); })
      .def("y_shape", [](const Dataset& d) { return tuple_from(d.y_shape()); })
      .def("sample", &sample_of, py::call_guard<py::gil_scoped_release>());
  m.def("tensor_dataset", [](const Tensor& x, const Tensor& y) {
    return std::shared_ptr<Dataset>(std::make_shared<Rows>(x, y));
  });
  py::class_<Loader>(m, "Loader")
      .def(py::init([](std::shared_ptr<Dataset> dataset, int64_t batch_size, bool shuffle,
                       bool drop_last, int workers, uint64_t seed, DType dtype) {
        LoaderOptions o;
        o.batch_size = batch_size, o.shuffle = shuffle, o.drop_last = drop_last;
        o.workers = workers, o.seed = seed, o.dtype = dtype;
        return std::make_unique<Loader>(std::move(dataset), o);
      }))
      .def("next", &next_batch)
      .def("batches", [](const Loader& l) { return l.loader->batches(); })
      .def("state",
           [](const Loader& l) {
             const LoaderState s = l.loader->state();
             return py::make_tuple(s.seed, s.epoch, s.batch);
           })
      .def("set_state", [](Loader& l, uint64_t seed, int64_t epoch, int64_t batch) {
        const py::gil_scoped_release release;
        l.loader->set_state({seed, epoch, batch});
      });
  m.def("shuffled_order", &shuffled_order);
}

void bind_sets(py::module_& m) {
  using data::DataSource;
  m.def(
      "load_dataset",
      [](const std::string& name, const std::string& normalize, bool flatten, int64_t block_size,
         const std::string& tokenizer, int64_t vocab_size) {
        data::DataOptions o;
        o.normalize = data::normalize_from_name(normalize);
        o.flatten = flatten, o.block_size = block_size;
        o.tokenizer = tokenizer, o.vocab_size = vocab_size;
        const DataSource s = data::load_dataset(name, o);
        const auto shared = [](const DatasetRef& d) { return std::const_pointer_cast<Dataset>(d); };
        return std::make_tuple(shared(s.train), shared(s.test), s.classes);
      },
      py::arg("name"), py::arg("normalize"), py::arg("flatten"), py::arg("block_size"),
      py::arg("tokenizer"), py::arg("vocab_size"), py::call_guard<py::gil_scoped_release>());
  m.def("dataset_names", &data::dataset_names);
}

void bind_files(py::module_& m) {
  m.def(
      "read_safetensors",
      [](const std::string& path) {
        const data::TensorFile file = data::read_safetensors(path);
        return std::make_pair(file.tensors, file.metadata);
      },
      py::call_guard<py::gil_scoped_release>());
  m.def("parse_safetensors", [](const py::bytes& given) {
    const std::string_view view = given;
    const auto bytes = std::as_bytes(std::span(view.data(), view.size()));
    const data::TensorFile file = data::parse_safetensors(bytes, "the open file");
    return std::make_pair(file.tensors, file.metadata);
  });
  const auto free = py::call_guard<py::gil_scoped_release>();
  m.def("read_npy", &data::read_npy, free);
  m.def("write_npy", &data::write_npy, free);
  m.def("read_npz", &data::read_npz, free);
  m.def("write_npz", &data::write_npz, free);
  m.def(
      "write_safetensors",
      [](const std::string& path, std::vector<std::pair<std::string, Tensor>> tensors,
         std::map<std::string, std::string> metadata) {
        data::write_safetensors(path, {std::move(tensors), std::move(metadata)});
      },
      py::call_guard<py::gil_scoped_release>());
}

}  // namespace

void bind_data(py::module_& parent) {
  py::module_ m = parent.def_submodule("data");
  bind_loading(m);
  bind_sets(m);
  bind_files(m);
}

}  // namespace tinytorch::python
