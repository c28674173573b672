/* The C tests' framework for C++, and data to learn from. */
#ifndef TEST_HPP
#define TEST_HPP

#include <maquette.hpp>

#include <cmath>

#include "../C/test.h"

/* Strict C++17 wants an argument for the dots of a macro. */
#undef CHECK
#undef REQUIRE
#define CHECK(condition) test_check(!!(condition), __FILE__, __LINE__, #condition, " ")
#define REQUIRE(condition) (CHECK(condition) ? static_cast<void>(0) : exit(1))

/* Whether an expression throws an Error of that status. */
#define THROWS(expression, expected)                       \
  do {                                                     \
    maquette_status got = MAQUETTE_OK;                     \
    try {                                                  \
      static_cast<void>(expression);                       \
    } catch (const maquette::Error &error) {               \
      got = error.status();                                \
    }                                                      \
    CHECK(got == (expected) && #expression[0] != '\0');    \
  } while (false)

/* Points around as many corners of a square as there are labels; the same at each call. */
struct Corners {
  std::vector<float> features;
  std::vector<std::string> labels;

  explicit Corners(int rows = 120, int kinds = 3) {
    static const char *const names[] = {"left", "right", "oben \"\xc3\xbc\"", "down"};
    uint32_t state = 1;
    const auto noise = [&state] { return static_cast<float>((state = state * 1664525u + 1013904223u) >> 8) / 16777216.0f; };
    for (int row = 0; row < rows; row++) {
      const int kind = row % kinds;
      features.push_back(static_cast<float>(kind % 2) + noise() * 0.2f);
      features.push_back(static_cast<float>(kind / 2) + noise() * 0.2f);
      labels.push_back(names[kind]);
    }
  }
};

inline const char *const quick = R"({"layers": [8], "epochs": 12, "seed": 1, "learningRate": 0.05, "validationSplit": 0})";

#endif
