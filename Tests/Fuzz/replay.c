/* Everything that fuzzers have found, and what they begin with, through the library as it is shipped: `make test`. */
#include "targets.h"

static int replay(const char *name, target_function *target) {
  char folder[4096];
  REQUIRE(getenv("CORPUS") != NULL, "CORPUS is the folder with a folder for each target");
  snprintf(folder, sizeof folder, "%s/%s", getenv("CORPUS"), name);
  DIR *directory = opendir(folder);
  int count = 0;
  for (struct dirent *entry; directory && (entry = readdir(directory));) {
    if (entry->d_name[0] == '.') continue;
    int file = openat(dirfd(directory), entry->d_name, O_RDONLY);
    uint8_t *bytes = malloc(1 << 20);
    ssize_t size = read(file, bytes, 1 << 20);
    close(file);
    REQUIRE(size >= 0, "%s", entry->d_name);
    target(bytes, (size_t)size);
    free(bytes), count++;
  }
  if (directory) closedir(directory);
  return count;
}

TEST(corpus, "What fuzzers begin with and have found ends in a status") {
  for (size_t i = 0; i < COUNT(targets); i++) {
    int count = replay(targets[i].name, targets[i].function);
    CHECK(count > 2, "%s has %d files", targets[i].name, count);
  }
}

int main(int count, char **words) { return test_main(count, words); }
