/// Interactive machine learning inside your program: fill datasets, train on a thread of the library's, watch every
/// epoch as a stream, predict in microseconds, save and load models through a store.
@_exported public import MaquetteFormats
@_exported public import MaquetteKernels
@_exported public import MaquetteModels
@_exported public import MaquetteStores
@_exported public import MaquetteStreams
@_exported public import MaquetteSystem
