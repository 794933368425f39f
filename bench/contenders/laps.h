// Laps, as tasks.ts has them.
#pragma once

#include <iostream>
#include <string>

// Says that all is ready; then for each line of the input runs a lap, and prints the speed that it returns.
template <typename Lap>
void run_laps(Lap lap) {
  std::cout.precision(17);
  std::cout << "ready" << std::endl;
  for (std::string line; std::getline(std::cin, line);) std::cout << lap() << std::endl;
}
