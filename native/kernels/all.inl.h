// Included by each file of isa/ after its Vec, inside an unnamed namespace: every function below is compiled once per
// instruction set, and none of them may be visible to the linker.

#include "math.inl.h"
#include "random.inl.h"
#include "ahead.inl.h"
#include "tile.inl.h"
#include "rows.inl.h"
#include "normalization.inl.h"
#include "weights.inl.h"
#include "dense.inl.h"
#include "strided_tile.inl.h"
#include "copies.inl.h"
#include "gemm_plan.inl.h"
#include "gemm.inl.h"
#include "activations.inl.h"
#include "losses.inl.h"
#include "optimizers.inl.h"
#include "table.inl.h"
