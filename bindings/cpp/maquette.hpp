/**
 * @file maquette.hpp
 * @brief Maquette for C++17: maquette.h with handles that give themselves back, exceptions, lambdas and views of memory.
 *
 * @code
 *   maquette::Store store("sqlite:digits.db");
 *   maquette::Dataset digits(store, "digits");
 *   digits.append({pixels, 64}, labels);                      // rows of 64 numbers in a vector, a label each
 *
 *   maquette::Model model("mlp-classifier", R"({"layers": [64, 32]})");
 *   auto watching = model.training().subscribe([](const maquette::Event &event) { show(event.training()); });
 *   model.train(digits);                                      // returns at once
 *   model.wait();
 *   maquette::Matrix<float> confidences = model.predict({pixels, 64});
 * @endcode
 *
 * What a function does, when it fails, and on which threads callbacks run stands in maquette.h, under the name of the C
 * function it calls. Everything that fails throws maquette::Error; destructors don't. Handles are moved, not copied.
 * Parameters, documents and queries are JSON texts, so that you may use the JSON library you like.
 */
#ifndef MAQUETTE_HPP
#define MAQUETTE_HPP

#include "maquette/basics.hpp"
#include "maquette/models.hpp"
#include "maquette/results.hpp"
#include "maquette/stores.hpp"
#include "maquette/streams.hpp"

#endif // MAQUETTE_HPP
