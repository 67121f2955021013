// task: 3.4
// test: conv_im2col.with_bias_and_relu
// state: FAIL
// cause: comes before the bias
const ConvGeometry& g = args.g;
const int64_t group_in = g.c / g.groups, group_out = g.o / g.groups;
const int64_t taps = group_in * g.kh * g.kw, pixels = g.oh * g.ow;
std::vector<T> columns(static_cast<size_t>(taps* pixels));
for (int64_t n = 0; n < g.n; ++n) {
  for (int64_t group = 0; group < g.groups; ++group) {
    im2col(g, group_in, args.x + (n * g.c + group * group_in) * g.h * g.w, columns.data());
    T* y = args.y + (n * g.o + group * group_out) * pixels;
    for (int64_t o = 0; o < group_out; ++o)
      for (int64_t j = 0; j < pixels; ++j)
        y[o * pixels + j] = args.bias ? args.bias[group * group_out + o] : T(0);
    MatmulArgs<T> product;  // y += w (group_out x taps) times columns (taps x pixels)
    product.m = group_out, product.n = pixels, product.k = taps;
    product.a = args.w + group * group_out * taps, product.a_rs = taps, product.a_cs = 1;
    product.b = columns.data(), product.b_rs = pixels, product.b_cs = 1;
    product.c = y, product.ldc = pixels;
    product.accumulate = false;
    product.activation = args.activation;
    matmul(product);
    for (int64_t o = 0; args.bias && o < group_out; ++o)
      for (int64_t j = 0; j < pixels; ++j) y[o * pixels + j] += args.bias[group * group_out + o];
  }
}
