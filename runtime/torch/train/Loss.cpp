//===- Loss.cpp - what training makes small -------------------------------===//
// Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
//
// Distillation: Hinton, Vinyals and Dean, "Distilling the knowledge in a neural network", 2015; the
// divergence at a temperature is multiplied by its square, which keeps the gradients' size.
//
//===----------------------------------------------------------------------===//
#include "Loss.h"

#include <ATen/ATen.h>
#include <sstream>

namespace aimc::train {

namespace {
constexpr int64_t kIgnored = -100;

template <class... Parts> tl::unexpected<Error> fail(const Parts &...parts) {
  std::ostringstream os;
  (os << ... << parts);
  return tl::unexpected(Error{os.str()});
}

/// A batch without a label that counts teaches nothing, which a mean over none would not say.
at::Tensor crossEntropy(const at::Tensor &output, const at::Tensor &labels) {
  if (!labels.ne(kIgnored).any().item<bool>())
    return output.sum() * 0;
  return at::cross_entropy_loss(output.reshape({-1, output.size(-1)}), labels.reshape({-1}), {},
                                at::Reduction::Mean, kIgnored);
}
} // namespace

bool needsTeacher(const TrainOptions &options) {
  return options.loss == Loss::Distill || options.loss == Loss::DistillMse;
}

bool hasClasses(const TrainOptions &options, const Dataset &data) {
  return data.labels.defined() && options.loss != Loss::Mse && options.loss != Loss::DistillMse;
}

Result<> checkLabels(const Model &model, const Dataset &data, const TrainOptions &options) {
  std::vector<int64_t> shape = model.outputShape(options.output);
  std::string name = model.outputNameOf(options.output);
  if (shape.empty())
    return fail(data.name, ": expected output '", name, "' to have a batch dimension");
  if (!data.labels.defined()) {
    if (needsTeacher(options))
      return {};
    return fail(data.name, ": expected labels for this loss, but there are none");
  }
  const at::Tensor &labels = data.labels;
  if (labels.dim() < 1 || labels.size(0) != data.size)
    return fail(data.name, ": labels: expected ", data.size, " examples, but got ",
                labels.dim() ? labels.size(0) : 0);
  if (options.loss == Loss::Mse) {
    if (!labels.is_floating_point())
      return fail(data.name, ": labels: expected numbers of float32, but got ",
                  numpyName(labels.scalar_type()));
    int64_t wanted = 1, got = labels.numel() / std::max<int64_t>(1, labels.size(0));
    for (size_t d = 1; d < shape.size(); ++d)
      wanted *= shape[d];
    if (wanted != got)
      return fail(data.name, ": labels: expected ", wanted, " numbers an example as in output '",
                  name, "', but got ", got);
    return {};
  }
  if (options.loss == Loss::DistillMse)
    return {};
  if (labels.scalar_type() != at::kLong)
    return fail(data.name, ": labels: expected classes as integers, but got ",
                numpyName(labels.scalar_type()));
  if (shape.size() < 2 || labels.dim() + 1 != static_cast<int64_t>(shape.size()))
    return fail(data.name, ": labels: expected one class for each row of output '", name,
                "' of rank ", shape.size(), ", but got labels of rank ", labels.dim(),
                shape.size() == 3 && labels.dim() == 1
                    ? "; --head classes=N appends a classifier of whole sequences"
                    : "");
  for (size_t d = 1; d + 1 < shape.size(); ++d)
    if (labels.size(static_cast<int64_t>(d)) != shape[d])
      return fail(data.name, ": labels: expected ", shape[d], " on axis ", d, " as in output '",
                  name, "', but got ", labels.size(static_cast<int64_t>(d)));
  if (labels.numel() > 0 && !labels.ne(kIgnored).any().item<bool>())
    return fail(data.name, ": labels: expected classes, but all are ", kIgnored,
                ", which does not count");
  int64_t classes = shape.back();
  at::Tensor wrong = labels.lt(0).logical_or(labels.ge(classes)).logical_and(labels.ne(kIgnored));
  at::Tensor places = wrong.reshape({data.size, -1}).any(1).nonzero();
  if (places.numel() > 0) {
    int64_t example = places[0][0].item<int64_t>();
    at::Tensor row = labels[example].reshape({-1});
    int64_t value = row.masked_select(wrong[example].reshape({-1}))[0].item<int64_t>();
    return fail(data.name, ": labels: expected classes from 0 to ", classes - 1, ", but got ",
                value, " at example ", example);
  }
  return {};
}

Measured measure(const TrainOptions &options, const at::Tensor &output, const at::Tensor &labels,
                 const at::Tensor &teacher) {
  Measured measured;
  bool classes = labels.defined() && !labels.is_floating_point() &&
                 options.loss != Loss::DistillMse && options.loss != Loss::Mse;
  switch (options.loss) {
  case Loss::CrossEntropy:
    measured.loss = crossEntropy(output, labels);
    break;
  case Loss::Mse:
    measured.loss = at::mse_loss(output, labels.reshape(output.sizes()));
    break;
  case Loss::DistillMse:
    measured.loss = at::mse_loss(output, teacher);
    break;
  case Loss::Distill: {
    double t = options.temperature;
    at::Tensor own = at::log_softmax(output.reshape({-1, output.size(-1)}) / t, -1);
    at::Tensor other = at::log_softmax(teacher.reshape({-1, output.size(-1)}) / t, -1);
    at::Tensor divergence = at::kl_div(own, other, at::Reduction::Sum, true);
    measured.loss = divergence * (t * t / static_cast<double>(own.size(0)));
    if (classes && options.distillWeight < 1)
      measured.loss = measured.loss * options.distillWeight +
                      crossEntropy(output, labels) * (1 - options.distillWeight);
    break;
  }
  }
  if (classes) {
    at::Tensor counts = labels.ne(kIgnored);
    measured.counted = counts.sum().item<double>();
    measured.correct = output.argmax(-1).eq(labels).logical_and(counts).sum().item<double>();
  }
  return measured;
}

} // namespace aimc::train
