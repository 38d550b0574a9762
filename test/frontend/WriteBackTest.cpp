//===- WriteBackTest.cpp - tuned models ---------------------------*- C++ -*-===//
// Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
//
// What a tuned file holds is read back with protobuf alone, and what must not change is compared
// byte for byte.
//
//===----------------------------------------------------------------------===//
#include "ModelBuilder.h"
#include "aimc/onnx/ModelFile.h"
#include <cmath>

namespace aimc::test {
namespace {
using onnx::ModelFile;
using onnx::TunedWeights;

std::string contents(const std::string &path) {
  std::ifstream stream(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(stream), {}};
}

pb::ModelProto parsed(const std::string &path) {
  pb::ModelProto proto;
  EXPECT_TRUE(proto.ParseFromString(contents(path))) << path;
  return proto;
}

std::string bytesOf(const std::vector<float> &values) {
  return {reinterpret_cast<const char *>(values.data()), values.size() * sizeof(float)};
}

/// x @ w + b, with `w` shared by a second product.
ModelBuilder twoProducts() {
  ModelBuilder builder;
  builder.input("x", {"batch", "2"});
  builder.initializer<float>("w", {2, 2}, {1, 2, 3, 4}).initializer<float>("b", {2}, {5, 6});
  builder.initializer<int64_t>("shape", {2}, {-1, 2});
  builder.node("MatMul", {"x", "w"}, {"y"}).set_name("first");
  builder.node("Add", {"y", "b"}, {"z"});
  builder.node("MatMul", {"z", "w"}, {"r"});
  builder.node("Reshape", {"r", "shape"}, {"out"});
  builder.output("out");
  return builder;
}

std::string saved(ModelBuilder &builder, const TempFolder &folder,
                  const std::string &name = "model.onnx") {
  write(folder.file(name), builder.model.SerializeAsString());
  return folder.file(name);
}

void expectWritten(const std::string &from, const std::string &to, const TunedWeights &weights) {
  auto file = ModelFile::open(from);
  ASSERT_TRUE(file) << file.error().message;
  auto done = file->write(to, weights);
  ASSERT_TRUE(done) << done.error().message;
}

std::string failure(const std::string &from, const std::string &to, const TunedWeights &weights) {
  auto file = ModelFile::open(from);
  if (!file)
    return file.error().message;
  auto done = file->write(to, weights);
  return done ? "" : done.error().message;
}

size_t filesIn(const std::filesystem::path &folder) {
  auto it = std::filesystem::directory_iterator(folder);
  return static_cast<size_t>(std::distance(begin(it), end(it)));
}

TEST(WriteBack, replacesNamedWeightsAndNothingElse) {
  TempFolder folder;
  ModelBuilder builder = twoProducts();
  auto *metadata = builder.model.add_metadata_props();
  metadata->set_key("who");
  metadata->set_value("me");
  builder.graph().mutable_node(0)->mutable_unknown_fields()->AddLengthDelimited(77, "later field");
  std::string path = saved(builder, folder);
  std::vector<float> w{-1, -2, -3, -4};
  expectWritten(path, folder.file("tuned.onnx"), {{"w", w}});

  pb::ModelProto tuned = parsed(folder.file("tuned.onnx")), original = parsed(path);
  EXPECT_EQ(tuned.graph().initializer(0).raw_data(), bytesOf(w));
  tuned.mutable_graph()->mutable_initializer(0)->set_raw_data(
      original.graph().initializer(0).raw_data());
  EXPECT_EQ(tuned.SerializeAsString(), original.SerializeAsString());
}

TEST(WriteBack, keepsTypedFieldsAndElementTypes) {
  TempFolder folder;
  ModelBuilder builder = twoProducts();
  pb::TensorProto &w = *builder.graph().mutable_initializer(0);
  w.clear_raw_data();
  w.set_data_type(pb::TensorProto::FLOAT16);
  for (int i = 0; i < 4; ++i)
    w.add_int32_data(0x3c00);
  pb::TensorProto &b = *builder.graph().mutable_initializer(1);
  b.clear_raw_data();
  b.set_data_type(pb::TensorProto::DOUBLE);
  b.add_double_data(1);
  b.add_double_data(2);
  std::string path = saved(builder, folder);
  // 1 + 2^-11 is a tie and rounds to even; 2^-24 is the least subnormal; 65504 the largest number
  std::vector<float> half{1.00048828125f, 5.9604645e-08f, -65504.0f, -0.0f}, wide{0.25f, -3.0f};
  expectWritten(path, folder.file("tuned.onnx"), {{"w", half}, {"b", wide}});
  pb::ModelProto tuned = parsed(folder.file("tuned.onnx"));
  const pb::TensorProto &got = tuned.graph().initializer(0);
  EXPECT_EQ(Ints(got.int32_data().begin(), got.int32_data().end()),
            (Ints{0x3c00, 0x0001, 0xfbff, 0x8000}));
  EXPECT_FALSE(got.has_raw_data());
  EXPECT_EQ(tuned.graph().initializer(1).double_data(1), -3.0);
  std::vector<float> large{65520.0f, 0, 0, 0};
  EXPECT_NE(failure(path, folder.file("bad.onnx"), {{"w", large}}).find("float16"),
            std::string::npos);
}

TEST(WriteBack, roundsBfloat16ToNearestEven) {
  TempFolder folder;
  ModelBuilder builder = twoProducts();
  pb::TensorProto &w = *builder.graph().mutable_initializer(0);
  w.set_data_type(pb::TensorProto::BFLOAT16);
  w.set_raw_data(std::string(8, '\0'));
  std::string path = saved(builder, folder);
  std::vector<float> values{1.00390625f, 1.01171875f, -2.0f, 1.0f}; // two ties: down, then up
  expectWritten(path, folder.file("tuned.onnx"), {{"w", values}});
  const std::string raw = parsed(folder.file("tuned.onnx")).graph().initializer(0).raw_data();
  EXPECT_EQ(raw, std::string("\x80\x3f\x82\x3f\x00\xc0\x80\x3f", 8));
}

/// Moves initializer `i` into `location` at `offset`.
void externalise(ModelBuilder &builder, int i, const std::string &location, size_t offset) {
  pb::TensorProto &tensor = *builder.graph().mutable_initializer(i);
  size_t length = tensor.raw_data().size();
  tensor.clear_raw_data();
  tensor.set_data_location(pb::TensorProto::EXTERNAL);
  for (auto [key, value] : {std::pair<std::string, std::string>("location", location),
                            {"offset", std::to_string(offset)},
                            {"length", std::to_string(length)}}) {
    auto *entry = tensor.add_external_data();
    entry->set_key(key);
    entry->set_value(value);
  }
}

TEST(WriteBack, rewritesExternalDataInPlace) {
  TempFolder folder;
  ModelBuilder builder = twoProducts();
  externalise(builder, 0, "model.onnx.data", 64);
  externalise(builder, 1, "model.onnx.data", 8);
  std::string data(100, '#');
  data.replace(64, 16, bytesOf({1, 2, 3, 4})).replace(8, 8, bytesOf({5, 6}));
  write(folder.file("model.onnx.data"), data);
  std::string path = saved(builder, folder);
  std::vector<float> w{-1, -2, -3, -4};
  expectWritten(path, folder.file("tuned.onnx"), {{"w", w}});
  EXPECT_EQ(contents(folder.file("model.onnx.data")), data) << "the original must stay";
  data.replace(64, 16, bytesOf(w));
  EXPECT_EQ(contents(folder.file("tuned.onnx.data")), data);
  pb::ModelProto tuned = parsed(folder.file("tuned.onnx"));
  for (auto &entry : tuned.graph().initializer(0).external_data()) {
    if (entry.key() == "location") {
      EXPECT_EQ(entry.value(), "tuned.onnx.data");
    } else if (entry.key() == "offset") {
      EXPECT_EQ(entry.value(), "64");
    }
  }
  // and over itself
  std::vector<float> b{7, 8};
  expectWritten(folder.file("tuned.onnx"), folder.file("tuned.onnx"), {{"b", b}});
  EXPECT_EQ(contents(folder.file("tuned.onnx.data")), data.replace(8, 8, bytesOf(b)));
  EXPECT_EQ(filesIn(folder.path), 4u) << "no temporary file stays";
}

TEST(WriteBack, separatesTensorsThatShareBytes) {
  TempFolder folder;
  ModelBuilder builder = twoProducts();
  builder.initializer<float>("tied", {2, 2}, {1, 2, 3, 4});
  builder.node("MatMul", {"out", "tied"}, {"more"});
  externalise(builder, 0, "weights.bin", 0);
  externalise(builder, 3, "weights.bin", 0);
  write(folder.file("weights.bin"), bytesOf({1, 2, 3, 4}));
  std::string path = saved(builder, folder);
  std::vector<float> w{9, 9, 9, 9};
  expectWritten(path, folder.file("tuned.onnx"), {{"w", w}});
  auto graph = onnx::load(folder.file("tuned.onnx"), {{{"batch", 1}}, {}});
  ASSERT_TRUE(graph) << graph.error().message;
  EXPECT_EQ(*graph->value(graph->nodes[0].inputs[1]).constant->as<float>(), 9.0f);
  std::string data = contents(folder.file("tuned.onnx.weights.bin"));
  EXPECT_EQ(data.substr(0, 16), bytesOf({1, 2, 3, 4}));
  EXPECT_EQ(data.substr(data.size() - 16), bytesOf(w));
}

TEST(WriteBack, saysWhatIsWrong) {
  TempFolder folder;
  ModelBuilder builder = twoProducts();
  std::string path = saved(builder, folder), out = folder.file("out.onnx");
  std::vector<float> two{1, 2}, four{1, 2, 3, 4};
  EXPECT_NE(failure(path, out, {{"v", two}}).find("none called 'v'"), std::string::npos);
  EXPECT_NE(failure(path, out, {{"w", two}}).find("'w': expected 4 elements, but got 2"),
            std::string::npos);
  EXPECT_NE(failure(path, out, {{"shape", two}}).find("but got INT64"), std::string::npos);
  EXPECT_NE(failure(path, folder.file("no/such/out.onnx"), {{"w", four}}).find("No such file"),
            std::string::npos);
  std::filesystem::create_directory(folder.file("taken"));
  EXPECT_NE(failure(path, folder.file("taken"), {{"w", four}}).find("Is a directory"),
            std::string::npos);
  EXPECT_EQ(filesIn(folder.path), 2u);
}

TEST(Parameters, areKnownThroughViewsAndKeptWhenAsked) {
  TempFolder folder;
  ModelBuilder builder;
  builder.input("x", {"batch", "2"});
  builder.initializer<float>("w", {4}, {1, 2, 3, 4}).initializer<float>("s", {1}, {2});
  builder.initializer<int64_t>("shape", {2}, {2, 2});
  builder.node("Mul", {"w", "s"}, {"scaled"});
  builder.node("Reshape", {"scaled", "shape"}, {"matrix"});
  builder.node("MatMul", {"x", "matrix"}, {"y"});
  builder.node("Reshape", {"w", "shape"}, {"plain"});
  builder.node("MatMul", {"y", "plain"}, {"z"});
  builder.output("z");
  std::string path = saved(builder, folder);
  onnx::LoadOptions options;
  options.dims["batch"] = 3;
  auto folded = onnx::load(path, options);
  ASSERT_TRUE(folded) << folded.error().message;
  ASSERT_EQ(folded->nodes.size(), 2u);
  EXPECT_EQ(folded->value(folded->nodes[0].inputs[1]).initializer, "");
  EXPECT_EQ(folded->value(folded->nodes[1].inputs[1]).initializer, "w");
  options.keepParameters = true;
  auto kept = onnx::load(path, options);
  ASSERT_TRUE(kept) << kept.error().message;
  ASSERT_EQ(kept->nodes.size(), 4u);
  EXPECT_EQ(kept->nodes[0].op, "Mul");
  EXPECT_EQ(kept->value(kept->nodes[0].inputs[0]).initializer, "w");
}

TEST(ModelFile, listsInputsAndAppendsAClassifier) {
  for (int opset : {11, 17, 20}) {
    TempFolder folder;
    ModelBuilder builder(opset);
    builder.input("h", {"batch", "seq", "3"});
    builder.input("mask", {"batch", "seq"}, pb::TensorProto::INT64);
    builder.node("Relu", {"h"}, {"hidden"});
    builder.output("hidden");
    auto file = ModelFile::open(saved(builder, folder));
    ASSERT_TRUE(file) << file.error().message;
    auto inputs = file->inputs();
    ASSERT_TRUE(inputs);
    EXPECT_EQ((*inputs)[0].dims[1].symbol, "seq");
    EXPECT_EQ((*inputs)[0].dims[2].size, 3);
    EXPECT_EQ((*inputs)[1].dtype, onnx::DType::I64);
    onnx::Classifier head;
    head.output = "hidden";
    head.mask = "mask";
    head.classes = 2;
    head.weight = {1, 2, 3, 4, 5, 6};
    head.bias = {0.5f, -0.5f};
    onnx::Classifier wrong = head;
    wrong.output = "none";
    ASSERT_FALSE(file->append(wrong));
    EXPECT_EQ(file->outputNames().size(), 1u);
    for (auto pool : {onnx::Classifier::Pool::Mean, onnx::Classifier::Pool::First}) {
      head.pool = pool;
      head.name = pool == onnx::Classifier::Pool::Mean ? "mean" : "first";
      head.result = head.name + "_logits";
      auto done = file->append(head);
      ASSERT_TRUE(done) << done.error().message;
    }
    auto graph = file->graph({{{"batch", 5}, {"seq", 4}}, {}});
    ASSERT_TRUE(graph) << graph.error().message;
    ASSERT_EQ(graph->outputNames,
              (std::vector<std::string>{"hidden", "mean_logits", "first_logits"}));
    EXPECT_EQ(graph->value(graph->outputs[1]).type.shape, (Ints{5, 2}));
    EXPECT_EQ(graph->value(graph->outputs[2]).type.shape, (Ints{5, 2}));
    ASSERT_FALSE(file->append(head)) << "names are taken";
  }
}
} // namespace
} // namespace aimc::test
