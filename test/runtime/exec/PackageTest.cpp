//===- PackageTest.cpp - packages, right and wrong ------------------------===//
// Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
#include "PackageBuilder.h"
#include "aimc/exec/abi.h"

#include <filesystem>
#include <functional>
#include <gtest/gtest.h>

using namespace aimc::test;
using nlohmann::json;
namespace fs = std::filesystem;

namespace {
class PackageTest : public ::testing::Test {
protected:
  void SetUp() override {
    builder.add("a", randomMatrix(70, 45, 1));
    builder.add("b", randomMatrix(70, 130, 2), true);
    path = folder.path + "/m.aimc";
    builder.write(path);
  }

  /// Opens and expects a refusal.
  void refuses(aimc_status status, const std::string &message, const char *options = nullptr) {
    aimc_package *package = nullptr;
    EXPECT_EQ(aimc_package_open_with(path.c_str(), options, &package), status) << message;
    EXPECT_EQ(package, nullptr);
    std::string got = aimc_last_error();
    EXPECT_NE(got.find(message), std::string::npos)
        << "expected: " << message << "\n     got: " << got;
    EXPECT_EQ(got.find('\n'), std::string::npos) << "one line";
    aimc_package_close(package);
  }

  TemporaryFolder folder;
  std::string path;
  PackageBuilder builder;
};
} // namespace

TEST_F(PackageTest, OpensAndKeepsTheManifest) {
  aimc_package *package = nullptr;
  ASSERT_EQ(aimc_package_open((path + "/").c_str(), &package), AIMC_OK) << aimc_last_error();
  char *text = nullptr;
  ASSERT_EQ(aimc_package_manifest(package, &text), AIMC_OK);
  EXPECT_EQ(text, readFile(path + "/manifest.json"));
  aimc_text_free(text);
  aimc_package_close(package);
}

TEST_F(PackageTest, OpensByARelativeName) {
  fs::path before = fs::current_path();
  fs::current_path(path);
  aimc_package *package = nullptr;
  EXPECT_EQ(aimc_package_open(".", &package), AIMC_OK) << aimc_last_error();
  aimc_package_close(package);
  fs::current_path(before);
}

TEST_F(PackageTest, FollowsLinksToAPackageAndInsideOne) {
  fs::create_directory_symlink("m.aimc", folder.path + "/link.aimc");
  fs::rename(path + "/weights.safetensors", path + "/blob");
  fs::create_symlink("blob", path + "/weights.safetensors");
  aimc_package *package = nullptr;
  EXPECT_EQ(aimc_package_open((folder.path + "/link.aimc").c_str(), &package), AIMC_OK)
      << aimc_last_error();
  aimc_package_close(package);
}

TEST_F(PackageTest, FollowsNoLinkOutOfAPackage) {
  for (const char *name : {"weights.safetensors", "model.so", "manifest.json"}) {
    const std::string member = path + "/" + name, outside = folder.path + "/" + name;
    fs::rename(member, outside);
    for (const std::string &to :
         {outside, std::string("../") + name, std::string("../m.aimc/../") + name,
          std::string("/proc/self/exe")}) {
      fs::create_symlink(to, member);
      refuses(AIMC_BAD_PACKAGE, std::string(name) +
                                    ": expected a file in its own folder, but got a "
                                    "link out of it");
      fs::remove(member);
    }
    fs::rename(outside, member);
  }
}

TEST_F(PackageTest, WarnsOnceOfWhatOthersMayChange) {
  const auto warnings = [&] {
    SessionPointer session = openSession(path, {{"ideal", true}});
    return session ? statisticsOf(session.get())["warnings"].size() : size_t(-1);
  };
  const fs::perms all = fs::perms::others_write;
  EXPECT_EQ(warnings(), 0u);
  for (const char *name : {"weights.safetensors", "model.so", "manifest.json", ""}) {
    fs::permissions(path + "/" + name, all, fs::perm_options::add);
    EXPECT_EQ(warnings(), 1u) << name;
    fs::permissions(path + "/" + name, all, fs::perm_options::remove);
  }
  for (const char *name : {"weights.safetensors", "model.so"})
    fs::permissions(path + "/" + name, all, fs::perm_options::add);
  EXPECT_EQ(warnings(), 1u);
}

TEST_F(PackageTest, RefusesDamagedFiles) {
  for (const char *name : {"model.so", "weights.safetensors", "module.mlirbc"}) {
    std::string file = path + "/" + name, good = readFile(file);
    std::string flipped = good;
    flipped[good.size() / 2] ^= 0x10;
    writeFile(file, flipped);
    refuses(AIMC_BAD_PACKAGE, file + ": the file was changed after it was compiled");
    writeFile(file, good.substr(0, good.size() / 2));
    refuses(AIMC_BAD_PACKAGE, file + ": expected " + std::to_string(good.size()) + " bytes");
    fs::remove(file);
    refuses(AIMC_BAD_PACKAGE, file + ": cannot open: No such file or directory");
    fs::create_directory(file);
    refuses(AIMC_BAD_PACKAGE, file + ": expected a regular file");
    fs::remove(file);
    writeFile(file, good);
  }
  // Without hashes a flipped weight is not noticed, which the option's name says.
  std::string file = path + "/weights.safetensors", flipped = readFile(file);
  flipped[flipped.size() - 40] ^= 1;
  writeFile(file, flipped);
  aimc_package *package = nullptr;
  EXPECT_EQ(aimc_package_open_with(path.c_str(), "{\"verify_hashes\": false}", &package), AIMC_OK);
  aimc_package_close(package);
  refuses(AIMC_BAD_PACKAGE, "the file was changed");
  refuses(AIMC_INVALID_ARGUMENT, "package options: unknown key 'verify'", "{\"verify\": 1}");
}

TEST_F(PackageTest, RefusesWhatIsNoPackage) {
  path = folder.path + "/absent.aimc";
  refuses(AIMC_BAD_PACKAGE, path + ": cannot open: No such file or directory");
  writeFile(path, "text");
  refuses(AIMC_BAD_PACKAGE, path + ": expected a package folder, but got a file");
  path = folder.path;
  refuses(AIMC_BAD_PACKAGE, "manifest.json: cannot open");
}

TEST_F(PackageTest, RefusesForeignCode) {
  builder.model = TEST_MODEL_FOREIGN;
  builder.write(path);
  refuses(AIMC_UNSUPPORTED,
          "model.so: expected ABI version " + std::to_string(AIMC_ABI_VERSION) + ", but got 4096");
  writeFile(path + "/model.so", "no shared object");
  seal(path, builder.manifest());
  refuses(AIMC_BAD_PACKAGE, "model.so: cannot load: ");
}

TEST_F(PackageTest, RefusesHostileWeights) {
  std::string bad = readFile(path + "/weights.safetensors");
  bad[0] = '\xff';
  bad[3] = '\x7f';
  writeFile(path + "/weights.safetensors", bad);
  seal(path, builder.manifest());
  refuses(AIMC_BAD_PACKAGE, "weights.safetensors: expected a header inside the file");
}

TEST_F(PackageTest, RefusesWeightsThatAreNotFinite) {
  builder.weights[0].data[100] = std::numeric_limits<float>::infinity();
  builder.write(path);
  aimc_package *package = nullptr;
  ASSERT_EQ(aimc_package_open(path.c_str(), &package), AIMC_OK) << aimc_last_error();
  PackagePointer owner(package);
  aimc_session *session = nullptr;
  EXPECT_EQ(aimc_session_create(package, nullptr, &session), AIMC_BAD_PACKAGE);
  EXPECT_STREQ(aimc_last_error(),
               "weights.safetensors: tensor 'a': expected finite values, but got inf at [2, 10]");
}

TEST_F(PackageTest, EveryFieldOfTheManifestIsChecked) {
  using Spoil = std::function<void(json &)>;
  auto set = [](const char *pointer, json value) -> Spoil {
    return [=](json &m) { m[json::json_pointer(pointer)] = value; };
  };
  auto erase = [](const char *pointer, const char *key) -> Spoil {
    return [=](json &m) { m[json::json_pointer(pointer)].erase(key); };
  };
  struct Case {
    Spoil spoil;
    const char *message;
    aimc_status status = AIMC_BAD_PACKAGE;
  };
  const Case cases[] = {
      {set("/format", "zip"), "format: expected 'aimc-package'"},
      {erase("", "format"), "format: expected a string, but the key is missing"},
      {set("/version", 2), "version: expected version 1, but got 2"},
      {set("/abi_version", 1), "abi_version: expected 2, but got 1, compile the model again"},
      {set("/producer", 5), "producer: expected a string, but got 5"},
      {erase("", "isa"), "isa: expected an object, but the key is missing"},
      {set("/isa/features", json{1}), "isa.features[0]: expected a string, but got 1"},
      {set("/isa/features", {"sse2", "avx1024"}), "this processor lacks avx1024", AIMC_UNSUPPORTED},
      {set("/isa/triple", "s390x-ibm-linux"), "the package is for 's390x' processors",
       AIMC_UNSUPPORTED},
      {set("/files/..~1x", {{"sha256", std::string(64, '0')}, {"bytes", 0}}),
       "files.../x: expected a plain file name"},
      {erase("/files", "model.so"), "files.model.so: expected an entry for this file"},
      {set("/files/model.so/sha256", "12"), "files.model.so.sha256: expected 64"},
      {set("/files/model.so/bytes", -1), "files.model.so.bytes: expected an integer"},
      {set("/targets/pcm/colour", 1), "targets.pcm: unknown key 'colour'"},
      {set("/targets/pcm/geometry/rows", 0), "geometry.rows: expected an integer from 1 to 16384"},
      {set("/targets/pcm/geometry/pairs", 9), "geometry.pairs: expected an integer from 1 to 8"},
      {set("/targets/pcm/geometry/significance", {1, 2}), "expected one factor per pair, 1, but"},
      {set("/targets/pcm/geometry/readout", "top"),
       "readout: expected one of: single, alternating"},
      {set("/targets/pcm/device/kind", "sram"), "device.kind: expected one of: pcm, ideal"},
      {set("/targets/pcm/device/g_min_us", 25.0), "g_min_us: expected less than g_max_us"},
      {set("/targets/pcm/wire/column_ohm", -1), "column_ohm: expected a number from 0"},
      {set("/targets/pcm/wire", {{"column_ohm", 0.35}, {"row_ohm", 1.0}, {"idle", "open"}}),
       "row_ohm: expected 0 with idle = open"},
      {set("/targets/pcm/wire/idle", "shut"), "idle: expected one of: midrail, open, but got"},
      {set("/targets/pcm/dac/mode", "split"), "dac.lsb_bits: expected an integer, but the key"},
      {set("/weights/0/blocks/0/lsb_fc", 0), "lsb_fc: expected a number from 1e-09"},
      {set("/weights/0/blocks/0/compensate", "all"), "compensate: expected one of: none, gain"},
      {set("/targets/pcm/dac/bits", 1), "dac.bits: expected an integer from 2 to 9, but got 1"},
      {set("/targets/pcm/dac/v_read_v", 0), "v_read_v: expected a number"},
      {set("/targets/pcm/dac/tick_ns", "1"), "tick_ns: expected a number"},
      {set("/targets/pcm/adc/kind", "sar"), "adc.kind: expected one of: ideal, linear, cco"},
      {erase("/targets/pcm/adc", "lsb_fc"),
       "adc.lsb_fc: expected a number, but the key is missing"},
      {set("/weights/0/name", "b"), "weights[1].name: expected a unique name, but got 'b' again"},
      {set("/weights/0/tensor", "absent"), "weights.safetensors: no tensor named 'absent'"},
      {set("/weights/0/rows", 0), "weights[0].rows: expected an integer from 1 to"},
      {set("/weights/0/rows", 71), "weights[0].blocks: expected blocks that cover all 71 x 45"},
      {set("/weights/0/transposed", true),
       "tensor 'a': expected F32 [45, 70], but got F32 [70, 45]"},
      {set("/weights/0/transposed", 1), "weights[0].transposed: expected true or false"},
      {set("/weights/0/blocks/0/target", "x"), "blocks[0].target: no target named 'x'"},
      {set("/weights/0/blocks/0/row", 10),
       "weights[0].blocks[0].rows: expected an integer from 1 to 60"},
      {set("/weights/0/blocks/0/rows", 63), "expected blocks that cover the weight exactly once"},
      {set("/weights/0/blocks/0/cols", 44), "weights[0].blocks: expected blocks that cover"},
      {set("/weights/0/blocks", json::array()),
       "weights[0].blocks: expected blocks that cover all"},
      {set("/weights/0/blocks/0/at_row", 1), "at_row: expected an integer 0, but got 1"},
      {set("/weights/0/blocks/0/at_col", 20), "at_col: expected an integer from 0 to 19"},
      {set("/weights/0/blocks/1/tile", 0), "share devices of chip 0, tile 0"},
      {set("/weights/0/blocks/0/chip", -1), "chip: expected an integer from 0"},
      {set("/weights/0/blocks/0/chip", 1 << 30), "chip: expected an integer from 0 to 1073741823"},
      {set("/weights/0/blocks/0/tile", 1 << 30), "tile: expected an integer from 0 to 1073741823"},
      {set("/grids/0/weights", json::array()), "grids[0].weights: expected at least one index"},
      {set("/grids/0/weights", json{2}), "grids[0].weights[0]: expected an integer"},
      {set("/grids/0/input_range", 0), "grids[0].input_range: expected a number"},
      {erase("/grids/0", "layer"), "grids[0].layer: expected a string"},
      {set("/constants", json{"absent"}), "weights.safetensors: no tensor named 'absent'"},
      {set("/entries", json::array()), "entries: expected at least one entry"},
      {set("/entries/0/symbol", "absent"), "model.so: expected a symbol 'absent'"},
      {set("/entries/0/symbol", "a b"), "entries[0].symbol: expected a C identifier"},
      {set("/entries/0/arena_bytes", -1), "entries[0].arena_bytes: expected an integer"},
      {set("/entries/0/inputs/0/dtype", "f16"), "inputs[0].dtype: expected one of: f32, i64, i32"},
      {set("/entries/0/inputs/0/shape", json{-1}), "inputs[0].shape[0]: expected an integer"},
      {set("/entries/0/inputs/0/shape", json{1 << 30, 1 << 30, 1 << 30}),
       "inputs[0].shape: expected a size that fits 63 bits"},
      {set("/entries/0/outputs/1/name", "y0"), "expected a unique name, but got 'y0' again"},
      // What the code was compiled with, and does not check.
      {set("/constants", json::array()), "manifest.json: expected what model.so was compiled for, "
                                         "\"number of constants: 1\", but got "
                                         "\"number of constants: 0\"; compile the model again"},
      {set("/constants", json{"a"}),
       "\"constant 0: I64 [2]\", but got \"constant 0: F32 [70, 45]\""},
      {set("/grids", json::array()), "\"number of grids: 1\""},
      {set("/grids/0/weights", json{0}),
       "\"grid 0: 70 x [45, 130]\", but got \"grid 0: 70 x [45]\""},
      {set("/entries/0/symbol", "grid_3"),
       "\"entry grid_1: 1 inputs, 2 outputs, arena of 0 bytes\""},
      {set("/entries/0/arena_bytes", 64),
       "but got \"entry grid_1: 1 inputs, 2 outputs, arena of 64"},
      {set("/entries/0/inputs/0/dtype", "i32"), "\"input 'x': f32 [1, 70]\""},
      {set("/entries/0/outputs/0/shape", json{1, 4}), "\"output 'y0': f32 [1, 45]\""},
      {[](json &m) { m["entries"].erase(1); }, "\"number of entries: "},
  };
  for (const Case &c : cases) {
    json manifest = builder.manifest();
    json sealed = json::parse(readFile(path + "/manifest.json"));
    manifest["files"] = sealed["files"];
    c.spoil(manifest);
    TemporaryFolder other;
    fs::copy(path, other.path, fs::copy_options::recursive);
    writeFile(other.path + "/manifest.json", manifest.dump());
    std::swap(path, const_cast<std::string &>(other.path));
    refuses(c.status, c.message);
    std::swap(path, const_cast<std::string &>(other.path));
  }
  for (const char *text : {"", "{", "[1]", "null", "\"x\"", "{\"format\": \"aimc-package\"}"}) {
    writeFile(path + "/manifest.json", text);
    refuses(AIMC_BAD_PACKAGE, path + "/manifest.json: ");
  }
}

TEST_F(PackageTest, BlocksCutDifferentlyInEachBandAreOneProduct) {
  // Row bands may be cut at different columns; the sum must not care.
  json manifest = builder.manifest();
  json block = manifest["weights"][0]["blocks"][0];
  json blocks = json::array();
  const int64_t cuts[][4] = {{0, 40, 0, 45}, {40, 30, 0, 10}, {40, 30, 10, 35}};
  for (int64_t tile = 0; tile < 3; ++tile) {
    block["name"] = "a." + std::to_string(tile);
    block["tile"] = 100 + tile;
    block["row"] = cuts[tile][0];
    block["rows"] = cuts[tile][1];
    block["col"] = cuts[tile][2];
    block["cols"] = cuts[tile][3];
    blocks.push_back(block);
  }
  manifest["weights"][0]["blocks"] = blocks;
  builder.write(path, manifest);
  json exact = {{"effects",
                 {{"programming", false},
                  {"wire", false},
                  {"dac", false},
                  {"adc", false},
                  {"read_noise", false}}}};
  SessionPointer session = openSession(path, exact);
  ASSERT_TRUE(session);
  Matrix x = randomMatrix(16, 70, 3), y = runGrid(session.get(), path, "grid_16", x)[0];
  for (int64_t r = 0; r < 16; ++r)
    for (int64_t j = 0; j < 45; ++j) {
      double expected = 0;
      for (int64_t i = 0; i < 70; ++i)
        expected += double(x.at(r, i)) * builder.weights[0].at(i, j);
      EXPECT_NEAR(y.at(r, j), expected, 1e-4);
    }
}

TEST_F(PackageTest, TheManifestProtectsItself) {
  builder.write(path);
  const std::string file = path + "/manifest.json", good = readFile(file);
  const char *trust = R"({"verify_hashes": false})";
  aimc_package *package = nullptr;
  // A number that every other check would let pass.
  std::string changed = good;
  changed.replace(changed.find("16.03"), 5, "16.04");
  writeFile(file, changed);
  EXPECT_EQ(aimc_package_open(path.c_str(), &package), AIMC_BAD_PACKAGE);
  EXPECT_NE(std::string(aimc_last_error()).find("manifest.json: the file was changed"),
            std::string::npos)
      << aimc_last_error();
  EXPECT_EQ(aimc_package_open_with(path.c_str(), trust, &package), AIMC_OK) << aimc_last_error();
  aimc_package_close(package);
  writeFile(file, good + "\n"); // a final newline counts
  EXPECT_EQ(aimc_package_open(path.c_str(), &package), AIMC_BAD_PACKAGE);
  // The digits themselves.
  const size_t digit = good.find("manifest_sha256") + 20;
  changed = good;
  changed[digit] = changed[digit] == 'a' ? 'b' : 'a';
  writeFile(file, changed);
  EXPECT_EQ(aimc_package_open(path.c_str(), &package), AIMC_BAD_PACKAGE);
  changed[digit] = 'Z';
  writeFile(file, changed);
  EXPECT_EQ(aimc_package_open(path.c_str(), &package), AIMC_BAD_PACKAGE);
  EXPECT_NE(std::string(aimc_last_error()).find("manifest_sha256: expected 64"), std::string::npos);
  // Packages from before the field.
  json old = json::parse(good);
  old.erase("manifest_sha256");
  writeFile(file, old.dump());
  EXPECT_EQ(aimc_package_open(path.c_str(), &package), AIMC_OK) << aimc_last_error();
  aimc_package_close(package);
}

TEST_F(PackageTest, CalibrationTensorsAreCheckedAndUsed) {
  json manifest = builder.manifest();
  const int64_t rows = builder.weights[0].rows;
  const json &block = manifest["weights"][0]["blocks"][0];
  const int64_t cols = block["cols"];
  manifest["weights"][0]["activity"] = "activity";
  manifest["weights"][0]["blocks"][0]["scales"] = "scales";
  Matrix activity{rows, 32, std::vector<float>(size_t(rows * 32), 1.0f / 32)};
  Matrix scales{1, cols, std::vector<float>(size_t(cols), 2.0f)};
  auto refuse = [&](const Matrix &a, const Matrix &s, const char *message) {
    builder.tensors = {{"activity", a}, {"scales", s}};
    builder.write(path, manifest);
    aimc_package *package = nullptr;
    EXPECT_EQ(aimc_package_open(path.c_str(), &package), AIMC_BAD_PACKAGE) << message;
    EXPECT_NE(std::string(aimc_last_error()).find(message), std::string::npos) << aimc_last_error();
    aimc_package_close(package);
  };
  auto with = [](Matrix m, size_t at, float value) {
    m.data[at] = value;
    return m;
  };
  refuse(with(activity, 5, -0.1f), scales, "'activity': expected shares from 0 to 1");
  refuse(with(activity, 5, NAN), scales, "'activity': expected shares from 0 to 1");
  refuse(with(activity, 33, 0.5f), scales, "'activity': expected row sums of 1, but got");
  refuse(activity, with(scales, 3, -1), "'scales': expected finite scales of at least 0");
  refuse(activity, with(scales, 3, INFINITY), "'scales': expected finite scales of at least 0");
  refuse({rows, 31, std::vector<float>(size_t(rows * 31))}, scales, "'activity': expected F32");
  refuse(activity, {1, cols + 1, std::vector<float>(size_t(cols + 1))}, "'scales': expected F32");
  manifest["weights"][0]["activity"] = "absent";
  refuse(activity, scales, "no tensor named 'absent'");
  manifest["weights"][0]["activity"] = "activity";

  // A scale of 2 leaves small weights alone: the digital scale takes it back.
  builder.tensors = {{"activity", activity}, {"scales", scales}};
  builder.write(path, manifest);
  const json quiet = {{"effects",
                       {{"programming", false},
                        {"read_noise", false},
                        {"wire", false},
                        {"dac", false},
                        {"adc", false}}}};
  SessionPointer session = openSession(path, quiet);
  const Matrix x = randomMatrix(1, rows, 5);
  const Matrix y = runGrid(session.get(), path, "grid_1", x)[0];
  for (int64_t j = 0; j < y.cols; ++j) {
    double sum = 0;
    for (int64_t i = 0; i < rows; ++i)
      sum += double(x.at(0, i)) * double(builder.weights[0].at(i, j));
    EXPECT_NEAR(y.at(0, j), sum, 1e-4);
  }
}
