// Owns the parameters of sl: there are none.
import { declareParams } from '../../core/api';

export const params = declareParams({});
