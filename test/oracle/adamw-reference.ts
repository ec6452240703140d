/** AdamW (Loshchilov and Hutter 2019) over plain arrays in float64: what the fused step is held against. */

export interface AdamWSettings {
  learningRate: number;
  betas: readonly [number, number];
  eps: number;
  weightDecay: number;
  /** Bound on the global norm of all gradients; 0 is none. */
  maxGradNorm: number;
  gradScale: number;
}

export class AdamWReference {
  private step = 0;
  private readonly moments = new Map<string, { first: Float64Array; second: Float64Array }>();

  /** Updates `weights` in place and returns the norm before clipping. */
  update(weights: ReadonlyMap<string, Float64Array>, gradients: ReadonlyMap<string, Float64Array>, settings: AdamWSettings): number {
    const scaled = [...gradients.values()].flatMap((gradient) => [...gradient]).map((g) => g * settings.gradScale);
    const norm = Math.sqrt(scaled.reduce((sum, g) => sum + g * g, 0));
    const clip = settings.maxGradNorm > 0 ? Math.min(1, settings.maxGradNorm / (norm + 1e-6)) : 1;
    this.step += 1;
    for (const [name, weight] of weights) this.updateOne(name, weight, gradients.get(name)!, settings, settings.gradScale * clip);
    return norm;
  }

  private updateOne(name: string, weight: Float64Array, gradient: Float64Array, settings: AdamWSettings, scale: number): void {
    const {
      learningRate,
      betas: [beta1, beta2],
      eps,
      weightDecay,
    } = settings;
    const moments = this.moments.get(name) ?? { first: new Float64Array(weight.length), second: new Float64Array(weight.length) };
    this.moments.set(name, moments);
    for (let i = 0; i < weight.length; i++) {
      const g = gradient[i]! * scale;
      const first = (moments.first[i] = beta1 * moments.first[i]! + (1 - beta1) * g);
      const second = (moments.second[i] = beta2 * moments.second[i]! + (1 - beta2) * g * g);
      const unbiased = Math.sqrt(second / (1 - beta2 ** this.step)) + eps;
      weight[i] = weight[i]! * (1 - learningRate * weightDecay) - (learningRate * first) / (1 - beta1 ** this.step) / unbiased;
    }
  }
}
