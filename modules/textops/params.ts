// Owns the parameters of textops: there are none.
import { declareParams } from '../../core/api';

export const params = declareParams({});
