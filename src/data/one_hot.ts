import { isNumericArray, Matrix, type MatrixLike } from '../matrix.js';
import { integer, invalid, isObject } from '../validate.js';

/**
 * Class indices, (rows), as rows with a 1 in the column of the class and zeros elsewhere, (rows, count). `count` is one
 * more than the largest index where not given. Throws `INVALID_ARGUMENT` for what is no index below count.
 */
export function oneHot(classes: MatrixLike, count?: number): Matrix<Float32Array> {
  const flat: unknown = isObject(classes) && classes.columns === 1 ? classes.data : classes;
  if (!isNumericArray(flat) && !Array.isArray(flat)) throw invalid('an array of class indices', 'classes', classes);
  if (count !== undefined) integer(count, 'count', 1);
  const indices = Array.from<unknown, number>(flat, (index, i) =>
    integer(index, `classes[${i}]`, 0, count && count - 1),
  );
  const columns = count ?? indices.reduce((largest, index) => Math.max(largest, index), -1) + 1;
  const data = new Float32Array(indices.length * columns);
  indices.forEach((index, row) => {
    data[row * columns + index] = 1;
  });
  return new Matrix(data, indices.length, columns);
}
