@_exported public import MaquetteSystem
