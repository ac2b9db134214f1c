/* sanitizer.h - SIM_HAS_ASAN: the program is built with AddressSanitizer, of GCC or of clang. */
#ifndef SIM_SANITIZER_H
#define SIM_SANITIZER_H

#ifdef __SANITIZE_ADDRESS__
#define SIM_HAS_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define SIM_HAS_ASAN 1
#endif
#endif

#endif
