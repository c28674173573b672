/* Tells ThreadSanitizer about Swift's Mutex.
 *
 * Its quick way is compiled into the library under test, where the sanitizer sees it. Where threads meet, the runtime
 * hands the lock over by a system call, which it does not see: everything behind the lock would look like a race.
 * The linker's --wrap puts these two in between. */
#include <stdint.h>

#define SWIFT __attribute__((swiftcall))
#define SELF __attribute__((swift_context)) void *self

void __tsan_acquire(void *address);
void __tsan_release(void *address);

SWIFT void real_lock(uint32_t thread, SELF) __asm__("__real_$s15Synchronization12_MutexHandleV9_lockSlowyys6UInt32VF");
SWIFT void real_unlock(SELF) __asm__("__real_$s15Synchronization12_MutexHandleV11_unlockSlowyyF");
SWIFT void wrap_lock(uint32_t thread, SELF) __asm__("__wrap_$s15Synchronization12_MutexHandleV9_lockSlowyys6UInt32VF");
SWIFT void wrap_unlock(SELF) __asm__("__wrap_$s15Synchronization12_MutexHandleV11_unlockSlowyyF");

SWIFT void wrap_lock(uint32_t thread, SELF) {
  real_lock(thread, self);
  __tsan_acquire(self);
}

SWIFT void wrap_unlock(SELF) {
  __tsan_release(self);
  real_unlock(self);
}
