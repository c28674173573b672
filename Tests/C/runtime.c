/* Tells ThreadSanitizer what Swift's runtime does between threads.
 *
 * The quick way of a Mutex is compiled into the library under test, where the sanitizer sees it. Where threads meet, the
 * runtime hands the lock over by a system call, which it does not see, and everything behind the lock would look like a
 * race; so would every global that is made when it is first used. The linker's --wrap puts these in between. */
#include <stdint.h>

#define SWIFT __attribute__((swiftcall))
#define SELF __attribute__((swift_context)) void *self

void __tsan_acquire(void *address);
void __tsan_release(void *address);

/* ---- Mutex ---- */

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

/* ---- Globals ---- */

void __real_swift_once(intptr_t *done, void (*make)(void *), void *context);
void __wrap_swift_once(intptr_t *done, void (*make)(void *), void *context);

struct making {
  intptr_t *done;
  void (*make)(void *);
  void *context;
};

static void make_and_tell(void *argument) {
  struct making *it = argument;
  it->make(it->context);
  __tsan_release(it->done);
}

void __wrap_swift_once(intptr_t *done, void (*make)(void *), void *context) {
  struct making it = {done, make, context};
  __real_swift_once(done, make_and_tell, &it);
  __tsan_acquire(done);
}
