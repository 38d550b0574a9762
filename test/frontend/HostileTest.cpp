//===- HostileTest.cpp - damaged and hostile files --------------*- C++ -*-===//
// Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
//
// Every file here must end as one line that names the cause: external data outside the folder,
// sizes that do not add up, truncation at every byte, unbounded recursion and growth.
//
//===----------------------------------------------------------------------===//
#include "ModelBuilder.h"
#include <limits>
#include <sys/stat.h>

namespace aimc::test {
namespace {
namespace fs = std::filesystem;

std::string errorOfFile(const std::string &path) {
  auto result = onnx::load(path, {});
  EXPECT_FALSE(result.has_value());
  return result ? "" : result.error().message;
}

/// y = Neg(w) with w of four floats in the external file `location`.
ModelBuilder external(const std::string &location, const std::string &offset = "",
                      const std::string &length = "") {
  ModelBuilder model;
  auto *w = model.graph().add_initializer();
  w->set_name("w");
  w->set_data_type(pb::TensorProto::FLOAT);
  w->add_dims(4);
  w->set_data_location(pb::TensorProto::EXTERNAL);
  auto entry = [&](const char *key, const std::string &value) {
    if (value.empty())
      return;
    auto *added = w->add_external_data();
    added->set_key(key);
    added->set_value(value);
  };
  entry("location", location);
  entry("offset", offset);
  entry("length", length);
  model.node("Neg", {"w"}, {"y"});
  model.output("y");
  return model;
}

struct ExternalData : ::testing::Test {
  TempFolder outer;
  fs::path folder = outer.path / "model";
  std::string bytes;

  void SetUp() override {
    fs::create_directory(folder);
    for (float value : {0.5f, 1.0f, 2.0f, 4.0f, 8.0f})
      bytes.append(reinterpret_cast<const char *>(&value), sizeof value);
    write((folder / "w.bin").string(), bytes);
    write((outer.path / "secret").string(), bytes);
  }
  tl::expected<onnx::Graph, onnx::Error> load(const ModelBuilder &model) {
    model.save((folder / "model.onnx").string());
    return onnx::load((folder / "model.onnx").string(), {});
  }
  std::string refused(const ModelBuilder &model) {
    auto result = load(model);
    EXPECT_FALSE(result.has_value());
    return result ? "" : result.error().message;
  }
};

TEST_F(ExternalData, ReadsFromTheOffset) {
  auto graph = load(external("w.bin", "4", "16"));
  ASSERT_TRUE(graph.has_value()) << graph.error().message;
  EXPECT_EQ(elements<float>(output(*graph)), (std::vector<float>{-1, -2, -4, -8}));
  fs::create_directory(folder / "sub");
  write((folder / "sub" / "w.bin").string(), bytes);
  auto nested = load(external("./sub//w.bin"));
  ASSERT_TRUE(nested.has_value()) << nested.error().message;
  EXPECT_EQ(elements<float>(output(*nested)), (std::vector<float>{-0.5f, -1, -2, -4}));
}

TEST_F(ExternalData, UnalignedOffsetsAreCopied) {
  write((folder / "w.bin").string(), bytes.insert(0, 1, 'x'));
  auto graph = load(external("w.bin", "1", "16"));
  ASSERT_TRUE(graph.has_value()) << graph.error().message;
  EXPECT_EQ(elements<float>(output(*graph)), (std::vector<float>{-0.5f, -1, -2, -4}));
}

TEST_F(ExternalData, StaysInsideTheFolder) {
  EXPECT_SAYS(refused(external("../secret")), "inside the model's folder, but got '../secret'");
  EXPECT_SAYS(refused(external("sub/../../secret")), "inside the model's folder");
  EXPECT_SAYS(refused(external((outer.path / "secret").string())), "inside the model's folder");
  EXPECT_SAYS(refused(external("..\\secret")), "inside the model's folder");
  EXPECT_SAYS(refused(external(std::string("w.bin\0x", 7))), "empty or damaged");
  EXPECT_SAYS(refused(external("")), "empty or damaged");
  EXPECT_SAYS(refused(external(".")), "expected the name of an external data file");
}

TEST_F(ExternalData, RefusesLinks) {
  fs::create_symlink(outer.path / "secret", folder / "soft");
  EXPECT_SAYS(refused(external("soft")), "symbolic link");
  fs::create_directory_symlink(outer.path, folder / "up");
  EXPECT_SAYS(refused(external("up/secret")), "symbolic link");
  fs::create_hard_link(outer.path / "secret", folder / "hard");
  EXPECT_SAYS(refused(external("hard")), "it is a hard link");
}

TEST_F(ExternalData, RefusesWhatIsNoFile) {
  fs::create_directory(folder / "d");
  EXPECT_SAYS(refused(external("d")), "to be a regular file");
  ASSERT_EQ(::mkfifo((folder / "pipe").c_str(), 0600), 0);
  EXPECT_SAYS(refused(external("pipe")), "to be a regular file");
  EXPECT_SAYS(refused(external("absent.bin")),
              "initializer 'w': cannot open external data file 'absent.bin': No such file");
}

TEST_F(ExternalData, SizesMustFit) {
  EXPECT_SAYS(refused(external("w.bin", "8")), "expected 16 bytes at offset 8 of 'w.bin'");
  EXPECT_SAYS(refused(external("w.bin", "18446744073709551615")), "but the file ends at 20");
  EXPECT_SAYS(refused(external("w.bin", "18446744073709551616")), "to have a number as its offset");
  EXPECT_SAYS(refused(external("w.bin", "-4")), "to have a number as its offset");
  EXPECT_SAYS(refused(external("w.bin", "0", "20")), "expected 16 bytes for [4], but got a length");
  write((folder / "w.bin").string(), "");
  EXPECT_SAYS(refused(external("w.bin")), "but the file ends at 0");
}

TEST(Hostile, FilesThatAreNoModels) {
  TempFolder folder;
  EXPECT_SAYS(errorOfFile(folder.file("absent")), "cannot open the file");
  EXPECT_SAYS(errorOfFile(folder.path.string()), "expected a regular file");
  write(folder.file("empty"), "");
  EXPECT_SAYS(errorOfFile(folder.file("empty")), "the file is empty");
  write(folder.file("text"), "hello, this is no model at all");
  EXPECT_SAYS(errorOfFile(folder.file("text")), "expected an ONNX model");
  write(folder.file("zeros"), std::string(64, '\0'));
  EXPECT_SAYS(errorOfFile(folder.file("zeros")), "expected an ONNX model");
}

ModelBuilder smallModel() {
  ModelBuilder model;
  model.input("x", {"2", "3"});
  model.initializer<float>("w", {3, 2}, {1, 2, 3, 4, 5, 6}).initializer<float>("b", {2}, {1, 2});
  model.node("MatMul", {"x", "w"}, {"m"});
  model.node("Add", {"m", "b"}, {"y"});
  model.output("y");
  return model;
}

TEST(Hostile, TruncationAtEveryByte) {
  TempFolder folder;
  std::string bytes = smallModel().bytes(), path = folder.file("cut.onnx");
  write(path, bytes);
  ASSERT_TRUE(onnx::load(path, {}).has_value());
  for (size_t length = 0; length < bytes.size(); ++length) {
    write(path, bytes.substr(0, length));
    auto result = onnx::load(path, {});
    // the opset import is the last field, so no shorter file is a whole model
    ASSERT_FALSE(result.has_value()) << length << " of " << bytes.size() << " bytes";
    EXPECT_SAYS(result.error().message, "expected ");
  }
}

TEST(Hostile, FlippedBytesNeverCrash) {
  TempFolder folder;
  std::string bytes = smallModel().bytes(), path = folder.file("flipped.onnx");
  int refused = 0;
  for (size_t at = 0; at < bytes.size(); ++at) {
    for (int mask : {0x01, 0x80, 0xff}) {
      std::string damaged = bytes;
      damaged[at] = static_cast<char>(damaged[at] ^ mask);
      write(path, damaged);
      auto result = onnx::load(path, {});
      if (!result) {
        ++refused;
        EXPECT_EQ(result.error().message.find('\n'), std::string::npos);
      }
    }
  }
  EXPECT_GT(refused, static_cast<int>(bytes.size()));
}

TEST(Hostile, TensorsWhosePayloadIsWrong) {
  auto with = [](auto change) {
    ModelBuilder model;
    auto &w = *model.graph().add_initializer();
    w = tensor<float>("w", {2}, {1, 2});
    change(w);
    model.node("Neg", {"w"}, {"y"});
    model.output("y");
    return errorOf(model);
  };
  EXPECT_SAYS(with([](auto &w) { w.set_raw_data("abc"); }),
              "initializer 'w': expected 8 bytes for [2], but got 3");
  EXPECT_SAYS(with([](auto &w) { w.clear_raw_data(); }), "expected 2 elements, but got 0");
  EXPECT_SAYS(with([](auto &w) { w.set_dims(0, -2); }), "sizes of at least 0, but got shape [-2]");
  EXPECT_SAYS(with([](auto &w) { w.add_dims(int64_t(1) << 40), w.add_dims(int64_t(1) << 40); }),
              "expected fewer elements than in shape");
  EXPECT_SAYS(with([](auto &w) {
                for (int i = 0; i < 40; ++i)
                  w.add_dims(1);
              }),
              "expected a rank of at most 32, but got 41");
  EXPECT_SAYS(with([](auto &w) { w.set_data_type(pb::TensorProto::STRING); }), "but got STRING");
  EXPECT_SAYS(with([](auto &w) { w.set_data_type(999); }), "but got type 999");
  EXPECT_SAYS(with([](auto &w) { w.mutable_segment()->set_begin(0); }), "but got a segment");
}

TEST(Hostile, GraphsThatDoNotHangTogether) {
  ModelBuilder cycle;
  cycle.node("Neg", {"b"}, {"a"});
  cycle.node("Neg", {"a"}, {"b"});
  cycle.output("a");
  EXPECT_SAYS(errorOf(cycle), "expected a graph without cycles");

  ModelBuilder undefined;
  undefined.node("Neg", {"nowhere"}, {"y"}).set_name("n1");
  undefined.output("y");
  EXPECT_SAYS(errorOf(undefined), "node 'n1' (Neg): expected 'nowhere' to be a graph input");

  ModelBuilder twice;
  twice.input("x", {"2"});
  twice.node("Neg", {"x"}, {"y"});
  twice.node("Abs", {"x"}, {"y"});
  twice.output("y");
  EXPECT_SAYS(errorOf(twice), "'y' has a producer already");

  ModelBuilder shadow;
  shadow.input("x", {"2"});
  shadow.node("Neg", {"x"}, {"x"});
  shadow.output("x");
  EXPECT_FALSE(errorOf(shadow).empty());

  ModelBuilder duplicate;
  duplicate.initializer<float>("w", {1}, {1}).initializer<float>("w", {1}, {2});
  duplicate.output("w");
  EXPECT_SAYS(errorOf(duplicate), "expected each initializer once, but 'w' comes twice");

  ModelBuilder noOutput;
  noOutput.input("x", {"2"});
  EXPECT_SAYS(errorOf(noOutput), "expected a graph with outputs");

  ModelBuilder missing;
  missing.input("x", {"2"});
  missing.output("y");
  EXPECT_SAYS(errorOf(missing), "expected 'y' to be a graph input");
}

TEST(Hostile, UnknownOperatorsAndVersions) {
  ModelBuilder unknown;
  unknown.input("x", {"2"});
  unknown.node("FancyOp", {"x"}, {"y"}, "com.example").set_name("f");
  unknown.output("y").import("com.example", 1);
  EXPECT_SAYS(errorOf(unknown), "node 'f' (com.example.FancyOp): this operator is not supported");

  ModelBuilder early(19);
  early.input("x", {"2", "3"});
  early.node("Gelu", {"x"}, {"y"}).set_name("g");
  early.output("y");
  EXPECT_SAYS(errorOf(early), "node 'g' (Gelu): expected opset 20 or later for this operator, but "
                              "the model has 19");

  ModelBuilder ancient(6);
  ancient.input("x", {"2"});
  ancient.output("x");
  EXPECT_SAYS(errorOf(ancient), "expected opset 11 to 27, but got 6");

  ModelBuilder attribute;
  attribute.input("x", {"2"});
  set(attribute.node("Neg", {"x"}, {"y"}), "bogus", int64_t(1));
  attribute.output("y");
  EXPECT_SAYS(errorOf(attribute), "expected no attribute 'bogus'");

  ModelBuilder arity;
  arity.input("x", {"2"});
  arity.node("Add", {"x"}, {"y"});
  arity.output("y");
  EXPECT_SAYS(errorOf(arity), "expected 2 operands, but got 1");
}

TEST(Hostile, FunctionsWithoutEnd) {
  ModelBuilder endless;
  endless.import("f", 1);
  auto *function = endless.model.add_functions();
  function->set_name("F");
  function->set_domain("f");
  function->add_input("a");
  function->add_output("b");
  function->add_opset_import()->set_domain("f");
  ModelBuilder::fill(*function->add_node(), "F", {"a"}, {"b"}, "f");
  endless.input("x", {"1"});
  endless.node("F", {"x"}, {"y"}, "f");
  endless.output("y");
  EXPECT_SAYS(errorOf(endless), "nested at most 64 deep");

  // each level calls the next one sixteen times: 16^8 nodes from a file of a few kilobytes
  ModelBuilder many;
  many.import("f", 1);
  for (int level = 0; level < 8; ++level) {
    auto *f = many.model.add_functions();
    f->set_name("F" + std::to_string(level));
    f->set_domain("f");
    f->add_input("a");
    f->add_output("v16");
    for (const char *domain : {"", "f"}) {
      auto *import = f->add_opset_import();
      import->set_domain(domain);
      import->set_version(17);
    }
    for (int i = 1; i <= 16; ++i)
      ModelBuilder::fill(*f->add_node(), level == 7 ? "Neg" : "F" + std::to_string(level + 1),
                         {i == 1 ? "a" : "v" + std::to_string(i - 1)}, {"v" + std::to_string(i)},
                         level == 7 ? "" : "f");
  }
  many.input("x", {"1"});
  many.node("F0", {"x"}, {"y"}, "f");
  many.output("y");
  EXPECT_SAYS(errorOf(many), "nodes after functions are inlined");
}

TEST(Hostile, HugeResultsAreNotComputed) {
  ModelBuilder huge;
  huge.initializer<int64_t>("s", {3}, {1 << 20, 1 << 20, 1 << 20});
  huge.node("ConstantOfShape", {"s"}, {"y"});
  huge.output("y");
  EXPECT_SAYS(errorOf(huge), "expected fewer elements than in shape");

  ModelBuilder large;
  large.initializer<int64_t>("s", {1}, {int64_t(1) << 36});
  large.node("ConstantOfShape", {"s"}, {"y"});
  large.output("y");
  EXPECT_EQ(opsOf(graphOf(large)), std::vector<std::string>{"ConstantOfShape"});
}

TEST(Hostile, AttributesBeyondAllSizes) {
  constexpr int64_t kMost = std::numeric_limits<int64_t>::max(), kFar = int64_t(1) << 40;
  auto conv = [](const std::string &kernel) {
    ModelBuilder model;
    model.input("x", {"1", "2", "8"});
    model.input("w", {"2", "2", kernel});
    model.node("Conv", {"x", "w"}, {"y"});
    model.output("y");
    return model;
  };
  ModelBuilder groups = conv("1");
  set(*groups.graph().mutable_node(0), "group", kMost);
  EXPECT_SAYS(errorOf(groups), "expected channels that fit group 9223372036854775807");
  ModelBuilder dilated = conv("3");
  set(*dilated.graph().mutable_node(0), "dilations", Ints{kFar});
  set(*dilated.graph().mutable_node(0), "auto_pad", "SAME_UPPER");
  EXPECT_SAYS(errorOf(dilated), "expected smaller dilations than [1099511627776]");
  ModelBuilder projected;
  projected.import("com.microsoft", 1);
  projected.input("x", {"1", "4", "6"});
  projected.input("w", {"6", "18"});
  auto &fused = projected.node("Attention", {"x", "w"}, {"y"}, "com.microsoft");
  set(fused, "num_heads", int64_t(2));
  set(fused, "qkv_hidden_sizes", Ints{kMost, kMost, 20}); // 18 modulo 2^64
  projected.output("y");
  EXPECT_SAYS(errorOf(projected), "expected three projections in 18 columns");
}

TEST(Hostile, MessagesAreOneLine) {
  ModelBuilder model;
  model.input("x", {"2"});
  model.node("Bad\nOp", {"x"}, {"y"}).set_name("evil\r\n\x1b[31m");
  model.output("y");
  EXPECT_SAYS(errorOf(model),
              "node 'evil\\x0d\\x0a\\x1b[31m' (Bad\\x0aOp): this operator is not supported");
}
} // namespace
} // namespace aimc::test
