import { NemotronError } from '@nemotron-convert/core';
import type { Strided } from '../box.js';
import type { SourceTensor } from '../source/tensor.js';
import type { LoraConfig } from './config.js';
import type { LoraModule } from './weights.js';

/** A strided box of a tensor, and where it goes. */
export interface FactorPart extends Strided {
  readonly tensor: SourceTensor;
}

/** A float32 matrix or vector out of stored tensors; zero where no part is. */
export interface Factor {
  readonly shape: readonly number[];
  readonly parts: readonly FactorPart[];
}

/** A factor that is one box of one tensor. */
export function factor(
  tensor: SourceTensor,
  shape: readonly number[],
  strides: readonly number[],
  offset = 0,
): Factor {
  return { shape, parts: [{ tensor, start: shape.map(() => 0), size: shape, offset, strides }] };
}

/** An update of a row-major matrix that begins at element `offset` of its tensor: plus scale · left · right. */
export interface Change {
  readonly offset: number;
  readonly rows: number;
  readonly columns: number;
  readonly left: Factor;
  /** Null when `left` is the whole product. */
  readonly right: Factor | null;
  readonly scale: number;
  /** The product is rounded to the weight's dtype before it is added, as PEFT does for what is no linear layer. */
  readonly rounded: boolean;
  /** Lengths that rows or columns get afterwards. */
  readonly magnitude: { readonly lengths: Factor; readonly of: 'rows' | 'columns' } | null;
}

type Complete = LoraModule & { readonly down: SourceTensor; readonly up: SourceTensor };

/** A module whose two factors are there, with the rank that the configuration gives it. Throws ADAPTER_TENSOR_*. */
export function completeModule(
  module: LoraModule,
  config: LoraConfig,
  name: string,
  stacked: number,
): Complete {
  const { down, up, magnitude } = module;
  if (down === undefined || up === undefined) {
    const there = (down ?? up ?? magnitude ?? module.bias)?.name;
    throw new NemotronError('ADAPTER_TENSOR_MISSING', `${there} is there without its counterpart`, {
      facts: { module: module.module, found: there },
    });
  }
  const rank = config.rank(name) * stacked;
  const [downRank, upRank] = [down.shape[0], up.shape[1]];
  if (down.shape.length !== 2 || up.shape.length !== 2 || downRank !== rank || upRank !== rank) {
    const wrong = downRank === rank ? up : down;
    throw misfit(wrong, `${config.path} gives ${name} the rank ${rank / stacked}`, { rank, module: name });
  }
  if (config.dora !== (magnitude !== undefined)) {
    const message = config.dora
      ? `${config.path} says use_dora, and ${module.module} has no lora_magnitude_vector`
      : `${module.module} has a lora_magnitude_vector, and ${config.path} does not say use_dora`;
    throw new NemotronError('ADAPTER_TENSOR_MISSING', message, { facts: { module: module.module } });
  }
  return { ...module, down, up };
}

/** The change of a linear layer's weight [outputs, inputs], or [inputs, outputs] where the layer stores it so. */
export function linearChange(module: Complete, weight: SourceTensor, config: LoraConfig): Change {
  const { down, up } = module;
  const [inputs, outputs] = [down.shape[1] as number, up.shape[0] as number];
  const plain = sameShape(weight.shape, [outputs, inputs]);
  const turned = sameShape(weight.shape, [inputs, outputs]);
  // PEFT corrects the flag by the layer's class: a linear layer never stores its weight turned.
  const isTurned = config.fanInFanOut && turned;
  if (!plain && !isTurned) throw baseMisfit(down, up, weight);
  return {
    ...matrix(weight, isTurned ? [turn(down), turn(up)] : [whole(up), whole(down)]),
    scale: config.scale(module.module),
    rounded: false,
    magnitude: lengths(module.magnitude, outputs, isTurned ? 'columns' : 'rows'),
  };
}

/** The change of an embedding [entries, width], whose factors are stored for its transpose. */
export function embeddingChange(module: Complete, weight: SourceTensor, config: LoraConfig): Change {
  const { down, up } = module;
  const [entries, width] = [down.shape[1] as number, up.shape[0] as number];
  if (!sameShape(weight.shape, [entries, width])) throw baseMisfit(down, up, weight);
  return {
    ...matrix(weight, [turn(down), turn(up)]),
    scale: config.scale(module.module),
    rounded: module.magnitude === undefined,
    magnitude: lengths(module.magnitude, width, 'columns'),
  };
}

/** The change of a bias by the bias of the second factor. */
export function biasChange(
  module: LoraModule,
  added: SourceTensor,
  bias: SourceTensor,
  config: LoraConfig,
): Change {
  if (!sameShape(added.shape, bias.shape) || bias.shape.length !== 1) {
    throw misfit(added, `${bias.name} of the base is [${bias.shape.join(', ')}]`, { base: bias.name });
  }
  const rows = bias.shape[0] as number;
  return {
    offset: 0,
    rows,
    columns: 1,
    left: factor(added, [rows, 1], [1, 1]),
    right: null,
    scale: config.scale(module.module),
    rounded: false,
    magnitude: null,
  };
}

/** A row-major matrix of the tensor's first elements and what is added to it. */
function matrix(weight: SourceTensor, [left, right]: readonly [Factor, Factor]) {
  const [rows = 0, columns = 0] = weight.shape;
  return { offset: 0, rows, columns, left, right };
}

function whole(tensor: SourceTensor): Factor {
  const [rows = 0, columns = 0] = tensor.shape;
  return factor(tensor, [rows, columns], [columns, 1]);
}

function turn(tensor: SourceTensor): Factor {
  const [rows = 0, columns = 0] = tensor.shape;
  return factor(tensor, [columns, rows], [1, columns]);
}

function lengths(
  tensor: SourceTensor | undefined,
  count: number,
  of: 'rows' | 'columns',
): Change['magnitude'] {
  if (tensor === undefined) return null;
  if (tensor.shape.reduce((a, b) => a * b, 1) !== count) {
    throw misfit(tensor, `the layer has ${count} outputs`, { expected: count });
  }
  return { lengths: factor(tensor, [count], [1]), of };
}

export function sameShape(a: readonly number[], b: readonly number[]): boolean {
  return a.length === b.length && a.every((n, d) => n === b[d]);
}

/** A tensor of the adapter contradicts what is known from elsewhere. */
export function misfit(
  tensor: SourceTensor,
  known: string,
  facts: Readonly<Record<string, unknown>>,
): NemotronError {
  return new NemotronError(
    'ADAPTER_TENSOR_SHAPE',
    `${tensor.name} is [${tensor.shape.join(', ')}], but ${known}`,
    {
      facts: { tensor: tensor.name, found: tensor.shape, ...facts },
    },
  );
}

/** Factors for a weight of another shape. */
export function baseMisfit(down: SourceTensor, up: SourceTensor, weight: SourceTensor): NemotronError {
  const change = `[${up.shape[0]}, ${down.shape[1]}]`;
  return misfit(
    down,
    `with ${up.name} it changes a weight of ${change}, and ${weight.name} of the base is [${weight.shape.join(', ')}]`,
    { base: weight.name, expected: weight.shape },
  );
}
