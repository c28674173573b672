import Maquette
import Testing
