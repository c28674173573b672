/* A small test framework: `TEST(name, "What holds.") { CHECK(…); }`, then `int main(…) { return test_main(…); }`.
 *
 * Every test runs in a process of its own, so a crash or a hang is a failure of that test alone. `program WORD` runs
 * the tests whose sentence contains WORD, `program --test NAME` one of them in this very process, for a debugger.
 * TEST_SECONDS is how long a test may take. */
#ifndef TEST_H
#define TEST_H

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

typedef struct test {
  const char *name, *sentence;
  void (*body)(void);
  struct test *next;
} test;

static test *test_first, **test_last = &test_first;
static int test_failures;

static inline void test_add(test *one) { *test_last = one, test_last = &one->next; }

#define TEST(name, sentence)                                                     \
  static void name(void);                                                        \
  static test name##_test = {#name, sentence, name, NULL};                       \
  __attribute__((constructor)) static void name##_add(void) { test_add(&name##_test); } \
  static void name(void)

/* Goes on after a failure; REQUIRE ends the test. */
#define CHECK(condition, ...) test_check(!!(condition), __FILE__, __LINE__, #condition, " " __VA_ARGS__)
#define REQUIRE(condition, ...) (CHECK(condition, __VA_ARGS__) ? (void)0 : exit(1))

__attribute__((format(printf, 5, 6))) static inline int test_check(int holds, const char *file, int line,
                                                                   const char *text, const char *format, ...) {
  if (holds) return 1;
  __builtin_va_list arguments;
  __builtin_va_start(arguments, format);
  __atomic_add_fetch(&test_failures, 1, __ATOMIC_SEQ_CST);
  fprintf(stderr, "%s:%d: %s", file, line, text);
  if (format[1]) fputs(":", stderr), vfprintf(stderr, format, arguments);
  fputc('\n', stderr);
  __builtin_va_end(arguments);
  return 0;
}

/* The number in an environment variable, or another. */
static inline int test_setting(const char *name, int otherwise) {
  return getenv(name) ? atoi(getenv(name)) : otherwise;
}

/* Starts this program again: a process that was merely forked can't use the library. */
static inline int test_passes(const test *one, char *program) {
  fflush(NULL);
  pid_t child = fork();
  if (child == 0) {
    alarm((unsigned)test_setting("TEST_SECONDS", 120));
    execl("/proc/self/exe", program, "--test", one->name, NULL);
    _exit(127);
  }
  int status = 0;
  waitpid(child, &status, 0);
  if (WIFSIGNALED(status))
    fprintf(stderr, "ended by signal %d (%s)\n", WTERMSIG(status),
            WTERMSIG(status) == SIGALRM ? "it hung" : strsignal(WTERMSIG(status)));
  return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

static inline int test_main(int count, char **words) {
  int passed = 0, failed = 0, alone = count == 3 && !strcmp(words[1], "--test");
  for (const test *one = test_first; one; one = one->next) {
    if (alone && !strcmp(one->name, words[2])) return one->body(), test_failures > 0;
    if (alone || (count > 1 && !strstr(one->sentence, words[1]))) continue;
    int passes = test_passes(one, words[0]);
    printf("%s %s\n", passes ? "  ok  " : "  FAIL", one->sentence);
    passes ? passed++ : failed++;
  }
  if (alone) return 2;
  printf("%d passed, %d failed\n", passed, failed);
  return failed || !passed;
}

#endif
