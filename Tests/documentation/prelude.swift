// What the blocks of the README take for granted.

import Maquette

let labels = (0..<200).map { String($0 % 10) }
let pixels = try! Matrix((0..<200).map { row in (0..<64).map { $0 % 10 == row % 10 ? 1 : 0 } })
let row: [Float] = (0..<64).map { $0 % 10 == 3 ? 1 : 0 }
