/// Files as the body of an upload (RFC 7578).
struct MultipartForm: Sendable {
  let contentType: String
  let body: [UInt8]

  init(_ files: [StoredFile]) {
    // 24 digits that this process gives once: no file of weights holds them, and a model's JSON neither.
    let boundary = "maquette-" + DocumentID.make().text
    contentType = "multipart/form-data; boundary=" + boundary
    var body: [UInt8] = []
    for file in files {
      let name = Self.quoted(file.name)
      body += "--\(boundary)\r\n".utf8
      body += "Content-Disposition: form-data; name=\(name); filename=\(name)\r\n".utf8
      body += "Content-Type: application/octet-stream\r\n\r\n".utf8
      body += file.bytes
      body += "\r\n".utf8
    }
    body += "--\(boundary)--\r\n".utf8
    self.body = body
  }

  /// As browsers write names: quotes and line ends as percent and digits.
  private static func quoted(_ name: String) -> String {
    var text = "\""
    for scalar in name.unicodeScalars {
      switch scalar {
      case "\"": text += "%22"
      case "\r": text += "%0D"
      case "\n": text += "%0A"
      default: text.unicodeScalars.append(scalar)
      }
    }
    return text + "\""
  }
}
