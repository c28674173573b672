import Glibc
import MaquetteSystem

/// The functions of libcurl, looked up when the first remote store needs them: who keeps none need not have it.
///
/// The signatures are those of `curl/easy.h`, in which nothing was ever changed or removed. The two variadic functions
/// stay addresses, for ``CMaquetteSystem`` to call.
struct CurlLibrary: @unchecked Sendable {  // addresses of functions
  typealias Handle = UnsafeMutableRawPointer
  typealias List = UnsafeMutableRawPointer

  let makeHandle: @convention(c) () -> Handle?
  let freeHandle: @convention(c) (Handle?) -> Void
  let reset: @convention(c) (Handle?) -> Void
  let append: @convention(c) (List?, UnsafePointer<CChar>?) -> List?
  let freeList: @convention(c) (List?) -> Void
  let explain: @convention(c) (Int32) -> UnsafePointer<CChar>?
  let set: UnsafeMutableRawPointer
  let get: UnsafeMutableRawPointer
  let perform: UnsafeMutableRawPointer

  /// Debian's names, with OpenSSL and with GnuTLS; `MAQUETTE_LIBCURL` may say another.
  private static let names = ["libcurl.so.4", "libcurl-gnutls.so.4"]

  private static let loaded = Monitor<CurlLibrary?>(nil)

  /// The library, loaded at the first call.
  ///
  /// - Throws: ``MaquetteError/Code/unsupported``, which says what to install. The next call tries again.
  static func load() throws(MaquetteError) -> CurlLibrary {
    try loaded.withLock { (library) throws(MaquetteError) in
      if let library { return library }
      let named = getenv("MAQUETTE_LIBCURL").map { [String(cString: $0)] }
      let found = try CurlLibrary(named ?? names)
      library = found
      return found
    }
  }

  /// The first library that is there.
  init(_ names: [String]) throws(MaquetteError) {
    for name in names {
      // It stays loaded: it may have started threads of its own, and sets OpenSSL up.
      if let library = dlopen(name, RTLD_NOW | RTLD_LOCAL) {
        self = try CurlLibrary(library, name)
        return
      }
    }
    throw MaquetteError(
      .unsupported,
      "a remote store needs libcurl, and none of \(names.joined(separator: ", ")) could be loaded: install it "
        + "(Debian's package is libcurl4)", name: names.first ?? "")
  }

  private init(_ library: UnsafeMutableRawPointer, _ name: String) throws(MaquetteError) {
    func address(_ function: String) throws(MaquetteError) -> UnsafeMutableRawPointer {
      guard let address = dlsym(library, function) else {
        throw MaquetteError(
          .unsupported, "\(name) is no libcurl that can be used: it lacks \(function)", name: name)
      }
      return address
    }
    typealias Initialise = @convention(c) (Int) -> Int32
    let all = 3
    let code = unsafeBitCast(try address("curl_global_init"), to: Initialise.self)(all)
    guard code == 0 else {
      throw MaquetteError(.unsupported, "\(name) could not be set up (its code \(code))", name: name)
    }
    makeHandle = unsafeBitCast(try address("curl_easy_init"), to: (@convention(c) () -> Handle?).self)
    freeHandle = unsafeBitCast(try address("curl_easy_cleanup"), to: (@convention(c) (Handle?) -> Void).self)
    reset = unsafeBitCast(try address("curl_easy_reset"), to: (@convention(c) (Handle?) -> Void).self)
    append = unsafeBitCast(
      try address("curl_slist_append"),
      to: (@convention(c) (List?, UnsafePointer<CChar>?) -> List?).self)
    freeList = unsafeBitCast(try address("curl_slist_free_all"), to: (@convention(c) (List?) -> Void).self)
    explain = unsafeBitCast(
      try address("curl_easy_strerror"), to: (@convention(c) (Int32) -> UnsafePointer<CChar>?).self)
    set = try address("curl_easy_setopt")
    get = try address("curl_easy_getinfo")
    perform = try address("curl_easy_perform")
  }
}

/// The numbers of libcurl's options and answers that are used here.
enum Curl {
  /// What kind a value is, is in the number: from 0 long, from 10,000 pointer, from 20,000 function, from 30,000 64 bits.
  enum Option: Int32 {
    case noSignal = 99
    case upload = 46
    case noBody = 44
    case followLocation = 52
    case protocols = 181
    case httpVersion = 84
    case timeout = 155
    case connectTimeout = 156
    case pathAsIs = 234
    case writeData = 10_001
    case url = 10_002
    case readData = 10_009
    case errorBuffer = 10_010
    case userAgent = 10_018
    case headers = 10_023
    case headerData = 10_029
    case customRequest = 10_036
    case writeFunction = 20_011
    case readFunction = 20_012
    case headerFunction = 20_079
    case inputSize = 30_115
  }

  enum Info: Int32 {
    case status = 0x20_0002
    case connects = 0x20_001A
    case redirectURL = 0x10_001F
  }

  /// `CURLPROTO_HTTP | CURLPROTO_HTTPS`
  static let protocols = 3
  /// `CURL_HTTP_VERSION_1_1`
  static let http11 = 2
  /// `CURL_ERROR_SIZE`
  static let errorSize = 256
  /// `CURL_READFUNC_ABORT`
  static let abortReading = 0x1000_0000
}
