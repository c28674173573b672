import MaquetteKernels
import Testing
