/* The shared library runs on glibc 2.34 and later: RHEL 9, Ubuntu 22.04, Debian 12. One function it is linked with, in
 * Swift's overlay of the C library, got another version in 2.35, which is what a linker takes on a newer system. By the
 * linker's --wrap it gets the old one, which differs in how it sets errno. */
#include <math.h>

__attribute__((visibility("hidden"))) float __wrap_hypotf(float x, float y);

#if defined(__GLIBC__) && defined(__x86_64__)
__asm__(".symver maquette_old_hypotf, hypotf@GLIBC_2.2.5");
float maquette_old_hypotf(float x, float y);
float __wrap_hypotf(float x, float y) { return maquette_old_hypotf(x, y); }
#else
float __wrap_hypotf(float x, float y) { return (float)hypot((double)x, (double)y); }
#endif
