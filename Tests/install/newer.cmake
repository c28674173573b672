find_package(Maquette 0.9 REQUIRED)
