//===- Fold.cpp - large constants, once somebody needs them -----*- C++ -*-===//
// Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
//
// Shape arithmetic folds while the file is read. What is larger, most of all weights that a file
// computes from constants (a scale, a mask, weight norm, merged adapters), stays a node until the
// whole graph is known, and folds here for what reads it at run time. So nothing is computed that
// nobody reads, intermediate results go as soon as the last of their readers is done, and so do the
// bytes of initializers that nothing else reads.
//
// Two kinds of node stay all the same: a Transpose of a weight, which its product reads in place,
// and what is larger than all the constants it is made of (a mask expanded over heads), unless it
// is the weight of a product: repeating at run time is cheaper than storing the repetitions.
//
//===----------------------------------------------------------------------===//
#include "Fold.h"
#include <algorithm>
#include <unordered_map>

namespace aimc::onnx {

namespace {
/// All that is folded at one time, besides a multiple of the file's own constants; a hostile file
/// could otherwise ask for any amount of memory.
constexpr size_t kMaxBytes = size_t(1) << 30;
constexpr size_t kMaxTimesOwn = 4;

size_t bytesOf(const TensorType &type) {
  return static_cast<size_t>(type.elements()) * byteSize(type.dtype);
}

/// Whether input `i` of `node` is a matrix of a product: 1 where 0 is the data.
bool isMatrix(const Node &node, size_t i) {
  if (!node.domain.empty() || i > 1)
    return false;
  return node.op == "MatMul" || node.op == "Gemm" || (node.op == "Conv" && i == 1);
}

class LateFolder {
public:
  LateFolder(Draft &draft, const LateFoldOptions &options) : draft(draft), options(options) {}

  void run(const std::vector<ValueId> &outputs) {
    findKnown();
    decide(outputs);
    if (roots.empty())
      return;
    plan();
    // in the order of the file, so that what two of them share does not wait long
    std::sort(roots.begin(), roots.end());
    for (ValueId root : roots)
      fold(root);
  }

private:
  struct Facts {
    bool known = false;    ///< by constants alone
    bool computed = false; ///< by a node that can be folded
    bool used = false;     ///< by what runs
    bool asWeight = false; ///< by a product that runs, as its matrix
    bool root = false;     ///< to be folded for what runs
    size_t producer = 0;   ///< of what is computed
    size_t made = 0;       ///< bytes of the constants it is made of
    int64_t readers = 0;   ///< nodes still to be folded that read it
  };

  struct Given {
    int64_t readers = 0;
    std::vector<ValueId> values; ///< an initializer and its views
  };

  static size_t index(ValueId id) { return static_cast<size_t>(id); }
  Value &valueOf(ValueId id) { return draft.values[index(id)]; }
  Facts &facts(ValueId id) { return all[index(id)]; }
  static size_t plus(size_t a, size_t b) { return a > SIZE_MAX - b ? SIZE_MAX : a + b; }

  void findKnown() {
    all.resize(draft.values.size());
    foldable.resize(draft.nodes.size());
    done.resize(draft.nodes.size());
    for (size_t i = 0; i < all.size(); ++i)
      if (const auto &constant = draft.values[i].constant) {
        all[i].known = true;
        all[i].made = constant->bytes();
        own = plus(own, constant->bytes());
      }
    for (size_t n = 0; n < draft.nodes.size(); ++n) {
      const Node &node = draft.nodes[n].node;
      bool known = draft.nodes[n].row->fold != Fold::Never;
      size_t made = 0;
      std::vector<const Value *> operands;
      for (ValueId id : node.inputs) {
        operands.push_back(id == kAbsent ? nullptr : &valueOf(id));
        if (id == kAbsent)
          continue;
        known = known && facts(id).known;
        made = plus(made, facts(id).made);
      }
      if (!known || (options.keepParameters && dependsOnParameter(operands, typesOf(node))))
        continue;
      foldable[n] = true;
      for (ValueId id : node.outputs) {
        Facts &result = facts(id);
        result.known = result.computed = true;
        result.producer = n;
        result.made = made;
      }
    }
  }

  Types typesOf(const Node &node) {
    Types types;
    for (ValueId id : node.outputs)
      types.push_back(valueOf(id).type);
    return types;
  }

  /// Which nodes run, and which values must be constants for them.
  void decide(const std::vector<ValueId> &outputs) {
    for (ValueId id : outputs)
      facts(id).used = true;
    for (size_t n = draft.nodes.size(); n-- > 0;) {
      const Node &node = draft.nodes[n].node;
      bool live = false, asWeight = false;
      size_t bytes = 0, made = 0;
      for (ValueId id : node.outputs) {
        const Facts &result = facts(id);
        live |= result.used;
        asWeight |= result.asWeight;
        made = result.made;
        bytes = plus(bytes, bytesOf(valueOf(id).type));
      }
      if (!live)
        continue;
      bool viewed = node.op == "Transpose" && asWeight;
      bool repeats = bytes > made && !asWeight;
      if (foldable[n] && !viewed && !repeats) {
        for (ValueId id : node.outputs)
          if (facts(id).used) {
            facts(id).root = true;
            roots.push_back(id);
          }
        continue;
      }
      for (size_t i = 0; i < node.inputs.size(); ++i) {
        if (node.inputs[i] == kAbsent)
          continue;
        Facts &operand = facts(node.inputs[i]);
        operand.used = true;
        // the left side is the one on the tiles only where the right is not
        bool weight = isMatrix(node, i) && (i == 1 || !facts(node.inputs[1]).known);
        operand.asWeight |= viewed || weight;
      }
    }
  }

  /// Counts the readers that folding has, so that each result can go after its last.
  void plan() {
    std::vector<bool> needed(draft.nodes.size());
    for (ValueId id : roots)
      needed[facts(id).producer] = true;
    for (size_t n = draft.nodes.size(); n-- > 0;) {
      if (!needed[n])
        continue;
      for (ValueId id : draft.nodes[n].node.inputs) {
        if (id == kAbsent)
          continue;
        ++facts(id).readers;
        if (facts(id).computed)
          needed[facts(id).producer] = true;
        else
          ++given[valueOf(id).constant->data].readers;
      }
    }
    for (size_t i = 0; i < all.size(); ++i)
      if (const auto &constant = draft.values[i].constant) {
        Given &bytes = given[constant->data];
        bytes.values.push_back(static_cast<ValueId>(i));
        bytes.readers += all[i].used; // what runs never ends reading
      }
  }

  /// Evaluates what `root` needs, deepest first.
  void fold(ValueId root) {
    std::vector<size_t> stack{facts(root).producer};
    while (!stack.empty()) {
      size_t n = stack.back();
      size_t before = stack.size();
      if (!done[n])
        for (ValueId id : draft.nodes[n].node.inputs)
          if (id != kAbsent && facts(id).computed && !done[facts(id).producer])
            stack.push_back(facts(id).producer);
      if (stack.size() != before)
        continue;
      stack.pop_back();
      if (!done[n] && !evaluate(n))
        return; // it runs, then, on what has been folded so far
      done[n] = true;
    }
  }

  bool evaluate(size_t n) try {
    DraftNode &created = draft.nodes[n];
    std::vector<std::string> remarks;
    Call call{created.node, {}, created.node.outputs.size(), remarks};
    for (ValueId id : created.node.inputs)
      call.operands.push_back(id == kAbsent ? nullptr : &valueOf(id));
    Types types = typesOf(created.node);
    std::vector<std::shared_ptr<const Constant>> results;
    if (created.row->fold == Fold::View) {
      results.push_back(view(*call.operand(0).constant, types[0]));
    } else {
      size_t bytes = 0;
      for (const TensorType &type : types)
        bytes = plus(bytes, bytesOf(type));
      if (bytes > budget() - std::min(budget(), held))
        return false;
      std::vector<std::byte *> buffers;
      for (const TensorType &type : types) {
        OwnedConstant owned = allocate(type);
        buffers.push_back(owned.data);
        results.push_back(owned.constant);
      }
      if (!created.row->evaluate(call, types, buffers))
        return false;
      held += bytes;
    }
    for (size_t i = 0; i < results.size(); ++i) {
      ValueId id = created.node.outputs[i];
      if (facts(id).readers > 0 || facts(id).root)
        valueOf(id).constant = results[i];
    }
    for (ValueId id : created.node.inputs)
      if (id != kAbsent)
        finishReading(id);
    return true;
  } catch (const Rejected &error) {
    const Node &node = draft.nodes[n].node;
    reject("node ",
           node.name.empty() ? concat("for '", valueOf(node.outputs[0]).name, "'")
                             : concat("'", node.name, "'"),
           " (", node.op, "): ", error.what());
  }

  void finishReading(ValueId id) {
    Facts &read = facts(id);
    if (read.computed) {
      if (--read.readers == 0 && !read.root) {
        if (valueOf(id).constant->owner.use_count() == 1) // no view shares the bytes
          held -= std::min(held, bytesOf(valueOf(id).type));
        valueOf(id).constant.reset();
      }
      return;
    }
    std::shared_ptr<const Constant> constant = valueOf(id).constant;
    Given &bytes = given[constant->data];
    if (--bytes.readers > 0)
      return;
    for (ValueId value : bytes.values)
      valueOf(value).constant.reset();
    if (options.release)
      options.release(*constant);
  }

  size_t budget() const {
    return plus(kMaxBytes, own > SIZE_MAX / kMaxTimesOwn ? SIZE_MAX : own * kMaxTimesOwn);
  }

  Draft &draft;
  const LateFoldOptions &options;
  std::vector<Facts> all;
  std::vector<bool> foldable, done; ///< of nodes
  std::vector<ValueId> roots;
  std::unordered_map<const std::byte *, Given> given; ///< the file's constants, by their bytes
  size_t own = 0, held = 0; ///< bytes of the file's constants, and of what is folded
};
} // namespace

bool dependsOnParameter(const std::vector<const Value *> &operands, const Types &results) {
  auto isParameter = [](const Value *operand) {
    return operand && !operand->initializer.empty() && operand->type.dtype == DType::F32 &&
           !operand->type.shape.empty();
  };
  return std::any_of(operands.begin(), operands.end(), isParameter) &&
         std::all_of(results.begin(), results.end(),
                     [](const TensorType &type) { return type.dtype == DType::F32; });
}

void foldLate(Draft &draft, const std::vector<ValueId> &outputs, const LateFoldOptions &options) {
  LateFolder(draft, options).run(outputs);
}

} // namespace aimc::onnx
