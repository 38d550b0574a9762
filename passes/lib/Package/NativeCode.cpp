//===- NativeCode.cpp - LLVM dialect to a shared object -------------------===//
// Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//

#include "aimc/Config.h"
#include "aimc/Package/Package.h"
#include "aimc/exec/abi.h"
#include "mlir/Target/LLVMIR/Dialect/Builtin/BuiltinToLLVMIRTranslation.h"
#include "mlir/Target/LLVMIR/Dialect/LLVMIR/LLVMToLLVMIRTranslation.h"
#include "mlir/Target/LLVMIR/Export.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/ADT/StringSet.h"
#include "llvm/IR/InstIterator.h"
#include "llvm/IR/Instructions.h"
#include "llvm/IR/LegacyPassManager.h"
#include "llvm/IR/Module.h"
#include "llvm/MC/MCSubtargetInfo.h"
#include "llvm/MC/TargetRegistry.h"
#include "llvm/Passes/PassBuilder.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/Program.h"
#include "llvm/Support/TargetSelect.h"
#include "llvm/Target/TargetMachine.h"
#include "llvm/TargetParser/Host.h"
#include "llvm/Transforms/Scalar/LoopUnrollPass.h"

using namespace mlir;
using namespace mlir::aimc;

static llvm::Error fail(const llvm::Twine &message) {
  return llvm::createStringError(llvm::inconvertibleErrorCode(), message);
}

static std::unique_ptr<llvm::TargetMachine> machine(const NativeTarget &target) {
  std::string error;
  const llvm::Target *found =
      llvm::TargetRegistry::lookupTarget(llvm::Triple(target.triple), error);
  if (!found)
    return nullptr;
  return std::unique_ptr<llvm::TargetMachine>(found->createTargetMachine(
      llvm::Triple(target.triple), target.cpu, target.features, llvm::TargetOptions(),
      llvm::Reloc::PIC_, std::nullopt, llvm::CodeGenOptLevel::Aggressive));
}

llvm::Expected<NativeTarget> NativeTarget::create(llvm::StringRef mcpu) {
  llvm::InitializeNativeTarget();
  llvm::InitializeNativeTargetAsmPrinter();
  NativeTarget target;
  target.triple = llvm::sys::getProcessTriple();
  target.cpu = mcpu == "native" ? llvm::sys::getHostCPUName().str() : mcpu.str();
  if (mcpu == "native") {
    // The host's own list: a virtual machine may lack what its processor name promises.
    llvm::SmallVector<std::string> list;
    for (const auto &feature : llvm::sys::getHostCPUFeatures())
      list.push_back((feature.second ? "+" : "-") + feature.first().str());
    llvm::sort(list);
    target.features = llvm::join(list, ",");
  }
  // Asked of a machine without a name: LLVM prints a line of its own for a name it does not know.
  NativeTarget generic;
  generic.triple = target.triple;
  std::unique_ptr<llvm::TargetMachine> any = machine(generic);
  if (!any)
    return fail(llvm::Twine("expected a processor that LLVM can compile for, but got ") +
                target.triple);
  if (!any->getMCSubtargetInfo()->isCPUStringValid(target.cpu))
    return fail("unknown processor '" + mcpu +
                "' in --mcpu: expected 'native' or a name such as x86-64-v3, x86-64-v4, "
                "skylake-avx512, znver4");
  std::unique_ptr<llvm::TargetMachine> tm = machine(target);
  const llvm::MCSubtargetInfo *info = tm->getMCSubtargetInfo();
  auto enabled = [&](llvm::StringRef feature) {
    return info->checkFeatures(("+" + feature).str());
  };
  target.tune = target.cpu;
  if (!llvm::Triple(target.triple).isX86()) {
    target.vectorBits = 128;
    return target;
  }
  if (!enabled("64bit"))
    return fail("expected a 64-bit processor in --mcpu, but got '" + mcpu + "'");
  // Code uses just the instruction sets that the package names and the runtime checks: the highest
  // level of x86-64 that the processor has, and the sets below. Its name only tunes.
  const std::pair<const char *, std::vector<const char *>> levels[] = {
      {"x86-64-v4", {"avx512f", "avx512bw", "avx512cd", "avx512dq", "avx512vl"}},
      {"x86-64-v3", {"avx", "avx2", "bmi", "bmi2", "f16c", "fma", "lzcnt", "movbe"}},
      {"x86-64-v2", {"sse3", "ssse3", "sse4.1", "sse4.2", "popcnt"}}};
  target.cpu = "x86-64";
  for (size_t i = 0; i < std::size(levels) && target.cpu == "x86-64"; ++i)
    if (llvm::all_of(llvm::ArrayRef(levels).drop_front(i),
                     [&](const auto &level) { return llvm::all_of(level.second, enabled); }))
      target.cpu = levels[i].first;
  target.features.clear();
  for (const auto &level : llvm::reverse(levels))
    for (const char *feature : level.second)
      if (enabled(feature)) {
        target.required.push_back(feature);
        target.features += (target.features.empty() ? "+" : ",+") + std::string(feature);
      }
  auto has = [&](llvm::StringRef name) { return llvm::is_contained(target.required, name); };
  target.vectorBits = has("avx512f") && has("avx512vl") ? 512 : has("avx2") ? 256 : 128;
  return target;
}

/// Scratch of a constant size belongs to the function. In a loop the stack would grow with each
/// turn, and no pass could put it into registers.
static void hoistScratch(llvm::Module &module) {
  for (llvm::Function &function : module) {
    if (function.isDeclaration())
      continue;
    llvm::BasicBlock &entry = function.getEntryBlock();
    llvm::SmallVector<llvm::AllocaInst *> inside;
    for (llvm::Instruction &instruction : llvm::instructions(function))
      if (auto *scratch = llvm::dyn_cast<llvm::AllocaInst>(&instruction))
        if (scratch->getParent() != &entry && llvm::isa<llvm::Constant>(scratch->getArraySize()))
          inside.push_back(scratch);
    for (llvm::AllocaInst *scratch : inside)
      scratch->moveBefore(entry, entry.getFirstInsertionPt());
  }
}

/// Turns of a loop that is unrolled whole.
constexpr unsigned kWholeTurns = 16;

/// The default O3 pipeline, but for loops that it would unroll whole: they work on vectors already,
/// and what it made of those over 384 columns with AVX2 took the code generator 24 s of the 25 s
/// for a transformer, and ran as fast as this.
static void optimise(llvm::Module &module, llvm::TargetMachine &tm) {
  hoistScratch(module);
  llvm::LoopAnalysisManager loops;
  llvm::FunctionAnalysisManager functions;
  llvm::CGSCCAnalysisManager sccs;
  llvm::ModuleAnalysisManager modules;
  llvm::PipelineTuningOptions tuning;
  tuning.LoopVectorization = tuning.SLPVectorization = true;
  tuning.LoopUnrolling = false;
  tuning.LoopInterleaving = true;
  llvm::PassBuilder builder(&tm, tuning);
  builder.registerVectorizerEndEPCallback(
      [](llvm::FunctionPassManager &passes, llvm::OptimizationLevel level) {
        llvm::LoopUnrollOptions options(static_cast<int>(level.getSpeedupLevel()));
        passes.addPass(llvm::LoopUnrollPass(options.setFullUnrollMaxCount(kWholeTurns)));
      });
  builder.registerModuleAnalyses(modules);
  builder.registerCGSCCAnalyses(sccs);
  builder.registerFunctionAnalyses(functions);
  builder.registerLoopAnalyses(loops);
  builder.crossRegisterProxies(loops, functions, sccs, modules);
  builder.buildPerModuleDefaultPipeline(llvm::OptimizationLevel::O3).run(module, modules);
}

static llvm::Error emitObject(llvm::Module &module, llvm::TargetMachine &tm, llvm::StringRef path) {
  std::error_code error;
  llvm::raw_fd_ostream out(path, error);
  if (error)
    return fail("cannot write '" + path + "': " + error.message());
  llvm::legacy::PassManager pm;
  if (tm.addPassesToEmitFile(pm, out, nullptr, llvm::CodeGenFileType::ObjectFile))
    return fail("LLVM cannot emit object code for " + module.getTargetTriple().str());
  pm.run(module);
  out.flush();
  if (out.has_error()) {
    std::string text = out.error().message();
    out.clear_error();
    return fail("cannot write '" + path + "': " + text);
  }
  return llvm::Error::success();
}

/// A package holds what its manifest names and nothing else.
static llvm::Error discard(llvm::StringRef path) {
  if (std::error_code error = llvm::sys::fs::remove(path))
    return fail("cannot remove '" + path + "': " + error.message());
  return llvm::Error::success();
}

static llvm::Error link(llvm::StringRef object, llvm::StringRef output) {
  // The C library's maths may be left over (pow); nothing else is imported. Without a memory map
  // of the output a full disk is an error of write() and not a signal that kills the linker.
  llvm::SmallVector<llvm::StringRef> arguments{AIMC_LINKER,
                                               "-shared",
                                               "-o",
                                               output,
                                               object,
                                               "-soname",
                                               "model.so",
                                               "-z",
                                               "noexecstack",
                                               "-z",
                                               "relro",
                                               "--hash-style=gnu",
                                               "--build-id=none",
                                               "--no-mmap-output-file",
                                               "--as-needed",
                                               AIMC_LIBM,
                                               AIMC_LIBC};
  std::string message;
  llvm::SmallString<128> log(output);
  log += ".log";
  std::optional<llvm::StringRef> redirects[] = {llvm::StringRef(""), log.str(), log.str()};
  int status =
      llvm::sys::ExecuteAndWait(AIMC_LINKER, arguments, std::nullopt, redirects, 0, 0, &message);
  std::string detail;
  if (auto text = llvm::MemoryBuffer::getFile(log))
    for (llvm::StringRef line : llvm::split((*text)->getBuffer(), '\n'))
      if (detail.empty() && line.contains("error: "))
        detail = line.split("error: ").second.str();
  llvm::Error kept = discard(log);
  if (status == 0)
    return kept;
  llvm::consumeError(std::move(kept));
  return fail("cannot write '" + output +
              "': the linker " AIMC_LINKER " failed: " + (detail.empty() ? message : detail));
}

llvm::Error mlir::aimc::emitSharedObject(ModuleOp module, const NativeTarget &target,
                                         llvm::StringRef signature, llvm::StringRef path) {
  DialectRegistry registry;
  registerBuiltinDialectTranslation(registry);
  registerLLVMDialectTranslation(registry);
  module.getContext()->appendDialectRegistry(registry);
  llvm::LLVMContext context;
  std::unique_ptr<llvm::Module> native = translateModuleToLLVMIR(module, context, "model");
  if (!native)
    return fail("the lowered program could not be translated to LLVM IR");
  std::unique_ptr<llvm::TargetMachine> tm = machine(target);
  if (!tm)
    return fail(llvm::Twine("expected a processor that LLVM can compile for, but got ") +
                target.triple);
  native->setDataLayout(tm->createDataLayout());
  native->setTargetTriple(tm->getTargetTriple());
  for (llvm::Function &function : *native) {
    if (function.isDeclaration())
      continue;
    function.addFnAttr("target-cpu", target.cpu);
    function.addFnAttr("tune-cpu", target.tune);
    function.addFnAttr("target-features", target.features);
    if (target.vectorBits == 512)
      function.addFnAttr("prefer-vector-width", "512");
  }
  auto *u32 = llvm::Type::getInt32Ty(context);
  new llvm::GlobalVariable(*native, u32, /*isConstant=*/true, llvm::GlobalValue::ExternalLinkage,
                           llvm::ConstantInt::get(u32, AIMC_ABI_VERSION), "aimc_abi_version");
  llvm::Constant *text = llvm::ConstantDataArray::getString(context, signature);
  new llvm::GlobalVariable(*native, text->getType(), /*isConstant=*/true,
                           llvm::GlobalValue::ExternalLinkage, text, "aimc_signature");
  optimise(*native, *tm);
  llvm::SmallString<128> object(path);
  object += ".o";
  if (llvm::Error error = emitObject(*native, *tm, object))
    return error; // what is there of it goes with the package's folder
  if (llvm::Error error = link(object, path))
    return error;
  return discard(object);
}
