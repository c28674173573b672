// Handwritten digits from end to end: a store, a dataset, a training that is watched, predictions, and the model
// loaded again in another process.
//
//     swift run --package-path examples/swift digits [STORE]

import Glibc
import Maquette

let location =
  CommandLine.arguments.dropFirst().first { !$0.hasPrefix("--") } ?? "sqlite:build/digits-swift.db"
let isSecondProcess = CommandLine.arguments.contains("--reload")

let (training, test) = try readDigits("examples/data/digits.csv")
let store = try DataStore(location)

if isSecondProcess {
  let classifier = MLPClassifier()
  try classifier.load(from: store, "digits")
  print(fingerprint(try classifier.confidences(of: test.pixels)))
  exit(0)
}

// 1. Fill a dataset. Running this twice starts from an empty one again.
let digits = try Dataset("digits", in: store)
try digits.clear()
try digits.append(training.pixels, labels: LabelColumn(training.labels))
print("\(digits.count) digits in \(location)")

// 2. Train, and watch.
let classifier = MLPClassifier(layers: [64, 32], epochs: 20, seed: 1)
classifier.$training.subscribe { print($0) }
try classifier.train(on: digits)  // returns at once
try await classifier.trained()

// 3. Predict.
let answers = try classifier.predict(test.pixels)
let hits = zip(answers, test.labels).count { $0.label == $1 }
print("test accuracy: \(percent(Double(hits) / Double(test.labels.count))) %")
for (answer, label) in zip(answers, test.labels).prefix(3) {
  let confidence = answer.confidences.first { $0.label == answer.label }?.confidence ?? 0
  print("a \(label) is taken for a \(answer.label), confidence \(percent(Double(confidence))) %")
}

// 4. Save, and load in another process: the predictions are the same to the last bit.
try classifier.save(in: store, name: "digits")
let mine = fingerprint(try classifier.confidences(of: test.pixels))
let theirs = try output(of: [CommandLine.arguments[0], location, "--reload"])
guard mine == theirs else {
  print("the loaded model predicts something else: \(theirs), not \(mine)")
  exit(1)
}
print("loaded in another process, the model predicts the same to the last bit (\(mine))")
