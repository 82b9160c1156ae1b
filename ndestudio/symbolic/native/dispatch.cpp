// Which kernel table this processor and operating system run.
#include <cstdlib>
#include <cstring>

#include "kernel.hpp"

#if defined(NDE_X86) && defined(_MSC_VER)
#include <intrin.h>
#endif

namespace nde {

extern const Kernel kernel_portable;
#ifdef NDE_X86
extern const Kernel kernel_avx2;
extern const Kernel kernel_avx512;
#endif

namespace {

#ifdef NDE_X86
#ifdef _MSC_VER
bool runs(const char* name) {
    int leaf[4];
    __cpuid(leaf, 0);
    if (leaf[0] < 7) return false;
    __cpuid(leaf, 1);
    const bool fma = leaf[2] & (1 << 12), osxsave = leaf[2] & (1 << 27);
    if (!osxsave) return false;
    const unsigned long long saved = _xgetbv(0);
    __cpuidex(leaf, 7, 0);
    const bool avx2 = leaf[1] & (1 << 5);
    const bool avx512 = (leaf[1] & (1 << 16)) && (leaf[1] & (1 << 17)) && (leaf[1] & (1 << 30)) && (leaf[1] & (1 << 31));
    if (!std::strcmp(name, "avx2")) return avx2 && fma && (saved & 6) == 6;
    return avx512 && fma && (saved & 0xE6) == 0xE6;
}
#else
bool runs(const char* name) {
    __builtin_cpu_init();
    if (!std::strcmp(name, "avx2")) return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
    return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl") &&
           __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("fma");
}
#endif
#endif

}  // namespace

const Kernel* select_kernel(const char* name) {
    if (!name || !*name) name = std::getenv("NDESTUDIO_SIMD");
    const bool any = !name || !*name;
#ifdef NDE_X86
    if ((any || !std::strcmp(name, "avx512")) && runs("avx512")) return &kernel_avx512;
    if ((any || !std::strcmp(name, "avx2")) && runs("avx2")) return &kernel_avx2;
#endif
    if (any || !std::strcmp(name, "portable")) return &kernel_portable;
    return nullptr;
}

}  // namespace nde
