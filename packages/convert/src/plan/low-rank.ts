import type { Change, Factor } from '../adapter/change.js';
import { product } from '../box.js';
import type { SourceTensor } from '../source/tensor.js';
import { Numbered } from './numbered.js';
import type { Form, Plan, PlanMatrix } from './types.js';

/** Updates of a row-major matrix inside a source tensor, each rounded to `dtype`; factors are numbers of matrices. */
export interface LowRankOp {
  readonly kind: 'low_rank';
  readonly offset: number;
  readonly rows: number;
  readonly columns: number;
  readonly dtype: string;
  readonly updates: readonly {
    readonly left: number;
    readonly right: number | null;
    readonly scale: number;
    readonly rounded: boolean;
    readonly magnitude: { readonly lengths: number; readonly of: 'rows' | 'columns' } | null;
  }[];
}

/** The matrices of a plan. `numberOf` numbers the tensors that they are made of. */
export class Matrices {
  readonly #forms = new Numbered<string, Form>();
  readonly #matrices = new Numbered<string, PlanMatrix>();
  readonly #numberOf: (tensor: SourceTensor) => number;

  constructor(numberOf: (tensor: SourceTensor) => number) {
    this.#numberOf = numberOf;
  }

  /** The operation of changes that begin at the same element, in their order. */
  op([first, ...others]: readonly [Change, ...Change[]], dtype: string): LowRankOp {
    const { offset, rows, columns } = first;
    const updates = [first, ...others].map(({ left, right, scale, rounded, magnitude }) => ({
      left: this.#number(left),
      right: right === null ? null : this.#number(right),
      scale,
      rounded,
      magnitude: magnitude === null ? null : { lengths: this.#number(magnitude.lengths), of: magnitude.of },
    }));
    return { kind: 'low_rank', offset, rows, columns, dtype, updates };
  }

  /** A plan that was made with these operations, with what they need. */
  attach<P extends Plan>(plan: P): P {
    const first = plan.forms.length;
    const matrices = this.#matrices.values.map(({ form, tensors }) => ({ form: first + form, tensors }));
    return { ...plan, forms: [...plan.forms, ...this.#forms.values], matrices };
  }

  #number({ shape, parts }: Factor): number {
    const tensors = new Numbered<SourceTensor, number>();
    const copies = parts.map(({ tensor, ...box }) => ({
      ...box,
      tensor: tensors.add(tensor, () => this.#numberOf(tensor)),
    }));
    const covered = parts.reduce((sum, { size }) => sum + product(size), 0);
    const fill = covered === product(shape) ? {} : ({ fill: 'zero' } as const);
    const form: Form = { sizes: shape, extent: shape, copies, ...fill };
    const number = this.#forms.add(JSON.stringify(form), () => form);
    const matrix = { form: number, tensors: tensors.values };
    return this.#matrices.add(JSON.stringify(matrix), () => matrix);
  }
}
