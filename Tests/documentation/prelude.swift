// What the blocks of the README take for granted.

let pixels: [Float] = (0..<64).map { $0 % 10 == 3 ? 1 : 0 }
