/* The names of Unicode's characters, "LATIN SMALL LETTER A" and all the others, are half a megabyte of tables in Swift's
 * library, which a linker keeps because `Unicode.Scalar.Properties.name` might ask for one. Nothing in Maquette does. By
 * the linker's --wrap the shared library has this in place of the search, and leaves the tables out: no character has a
 * name. */
#include <stdint.h>

__attribute__((visibility("hidden"))) intptr_t __wrap__swift_stdlib_getScalarName(
    uint32_t character, uint8_t *name, intptr_t capacity);

/* How many bytes of a name were written: none, which Swift tells as nil. */
intptr_t __wrap__swift_stdlib_getScalarName(uint32_t character, uint8_t *name, intptr_t capacity) {
  (void)character;
  (void)name;
  (void)capacity;
  return 0;
}
